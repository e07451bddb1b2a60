/**
 * `readmit approvers list|add|remove`: who may vote and with what, as root writes it. A passkey that somebody registered
 * on the page gets into the root-owned file here and nowhere else, by the fingerprint its owner told.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';
import { type Approver, loadApprovers, parseApprovers } from '../approve/approvers.ts';
import { fingerprintOf } from '../approve/assertion.ts';
import { type Config, inState, loadConfig } from '../config/config.ts';
import { NotFound, Refused, Retry, Usage } from '../incident.ts';
import { askServe, controlSocket } from '../roles/control.ts';
import { openStoreToRead } from '../store/open.ts';
import { type PasskeyRow, passkeysOf } from '../store/passkeys.ts';
import { print, printJson } from './print.ts';

interface Options {
  config?: string;
  json?: boolean;
}

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** Everybody in the file, and the passkeys that wait for root. */
export async function listApprovers(o: Options): Promise<void> {
  const config = loadConfig(o.config);
  const { approvers } = loadApprovers(config.approvers);
  const waiting = registered(config, approvers).filter(row => !holds(approvers, row));
  if (o.json) return printJson({ approvers: approvers.map(shown), waiting: waiting.map(waitingOf) });
  print(approvers.length ? approvers.map(lineOf).join('\n') : `Nobody is in ${config.approvers}.`);
  if (waiting.length)
    print(
      `\nRegistered on the page, not in the file (compare with what the person reads out):\n${waiting.map(w => `  ${w.name}  ${fingerprintOf(w.key)}  ${w.label}`).join('\n')}`,
    );
}

/** Puts a registered passkey into the file. The fingerprint must be the whole one: it decides which key is meant. */
export async function addPasskey(name: string, o: Options & { passkey: string }): Promise<void> {
  if (!FINGERPRINT.test(o.passkey)) throw new Usage('--passkey: the whole fingerprint, SHA256: and 43 characters');
  const config = loadConfig(o.config);
  const { approvers } = loadApprovers(config.approvers);
  const at = approvers.findIndex(a => a.name === name);
  if (at < 0) throw new NotFound(`${name} is not in ${config.approvers}: add name, uid and roles there first`);
  const row = registered(config, [approvers[at]!]).find(r => fingerprintOf(r.key) === o.passkey);
  if (!row)
    throw new Refused(
      `${name} has registered no passkey ${o.passkey}; see \`readmit approvers list\`, and ask ${name}`,
    );
  if (holds(approvers, row)) throw new Refused('it is in the file already');
  const { id, key, label } = row;
  edit(config.approvers, doc => {
    const path = ['approvers', at, 'passkeys'];
    if (isSeq(doc.getIn(path))) doc.addIn(path, doc.createNode({ id, key, label }));
    else doc.setIn(path, doc.createNode([{ id, key, label }]));
  });
  await writeDown(config, `let the passkey ${o.passkey} of ${name} count`);
  if (o.json) printJson({ name, passkey: o.passkey, file: config.approvers });
  else print(`${config.approvers}: votes by ${name}'s passkey ${o.passkey} count from now on, on this host.`);
}

/** Takes a passkey out of the file: its votes count no more, from the next order on. */
export async function removePasskey(name: string, o: Options & { passkey: string }): Promise<void> {
  const config = loadConfig(o.config);
  const { approvers } = loadApprovers(config.approvers);
  const at = approvers.findIndex(a => a.name === name);
  const which = approvers[at]?.passkeys.findIndex(p => fingerprintOf(p.key) === o.passkey) ?? -1;
  if (which < 0) throw new NotFound(`${name} has no passkey ${o.passkey} in ${config.approvers}`);
  edit(config.approvers, doc => {
    doc.deleteIn(['approvers', at, 'passkeys', which]);
  });
  await writeDown(config, `took out the passkey ${o.passkey} of ${name}`);
  if (o.json) printJson({ name, passkey: o.passkey, file: config.approvers });
  else print(`${config.approvers}: votes by that passkey count no more.`);
}

/** Into the journal, where `serve` runs here: the file is the truth either way. */
async function writeDown(config: Config, change: string): Promise<void> {
  try {
    await askServe(controlSocket(config), 'approvers-changed', { change, by: userInfo().username });
  } catch (error) {
    if (!(error instanceof Retry)) throw error;
    process.stderr.write('readmit: serve does not run here, so this is not in the journal\n');
  }
}

/** What these people registered on the page; nothing where `serve` has no database here. */
function registered(config: Config, approvers: readonly Approver[]): PasskeyRow[] {
  let store: ReturnType<typeof openStoreToRead>;
  try {
    store = openStoreToRead(inState(config, 'serve', 'readmit.db'));
  } catch (error) {
    if (error instanceof NotFound) return [];
    throw error;
  }
  try {
    return approvers.flatMap(a => passkeysOf(store, a.name));
  } finally {
    store.close();
  }
}

const holds = (approvers: readonly Approver[], row: PasskeyRow): boolean =>
  approvers.some(a => a.passkeys.some(p => p.key === row.key));

const waitingOf = (row: PasskeyRow) => ({ name: row.name, passkey: fingerprintOf(row.key), label: row.label });

const shown = ({ name, uid, roles, keys, passkeys }: Approver) => ({
  name,
  uid,
  roles,
  keys: keys.length,
  passkeys: passkeys.map(p => ({ passkey: fingerprintOf(p.key), label: p.label ?? '' })),
});

const lineOf = (a: Approver): string =>
  [
    `${a.name}  uid ${a.uid}  ${a.roles.join(', ')}  ${a.keys.length} key${a.keys.length === 1 ? '' : 's'}`,
    ...a.passkeys.map(p => `  passkey ${fingerprintOf(p.key)}${p.label ? `  ${p.label}` : ''}`),
  ].join('\n');

/**
 * Changes the file as a person would: comments and the rest stay, the new text is read again before it takes the old
 * one's place, which happens at once or not at all.
 */
function edit(file: string, change: (doc: ReturnType<typeof parseDocument>) => void): void {
  const doc = parseDocument(readFileSync(file, 'utf8'), { uniqueKeys: true });
  if (!isMap(doc.contents)) throw new Usage(`${file}: is no mapping`);
  change(doc);
  const text = doc.toString({ lineWidth: 0 });
  parseApprovers(text, file);
  const { mode, uid, gid } = statSync(file);
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
      fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new Refused(`${file}: only root changes it (${code})`);
    throw error;
  }
}
