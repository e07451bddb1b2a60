/**
 * The verbs `directory.group-add` and `directory.group-remove`: one value of one group's entry. The executor itself opens no
 * connection: a helper process does, which alone reads the service account's password, and what it says it has read back
 * is what counts.
 */
import { extname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { LdapConfig } from '../config/ldap.ts';
import { sameDn } from '../dn.ts';
import { Retry } from '../incident.ts';
import type { DirectoryStep } from './checks.ts';
import { Answer, type Question } from './directory-question.ts';
import { type Deed, type Ground, type Look, whoAndWhere } from './membership.ts';
import { redact } from './redact.ts';

const HELPER = join(import.meta.dirname, `directory-helper${extname(import.meta.filename)}`);
/** Beside what the directory may take: Node's own start, on a busy machine. */
const START_MS = 10_000;
const ATTEMPTS = 3;
const BACKOFF_MS = 250;
/** After so long no further attempt is begun: whoever sent the order is waiting. */
const PATIENCE_MS = 15_000;

let units = 0;

/** Is there anything to do, and is it still the group, the person and the value that were approved? Changes nothing. */
export async function lookAtDirectory(
  step: DirectoryStep,
  ground: Ground,
  purpose: 'giving' | 'taking-back',
): Promise<Look> {
  const { person, group, refusal } = await whoAndWhere(step, ground, purpose);
  const where = `${step.user} (uid ${person?.uid ?? 'none'}) in ${step.dn}`;
  if (refusal) return { kind: refusal.result, rule: refusal.rule, why: refusal.message, state: `${where}: not asked` };
  if (purpose === 'giving' && group?.where === 'local') {
    const why = `${step.group} is in the local group file now, which is asked before the directory`;
    return { kind: 'stale', rule: 'group-is-local', why, state: `${where}: not asked` };
  }
  const answer = await ask('look', step, ground);
  if (answer.kind !== 'seen') {
    const rule = answer.kind === 'refused' ? 'directory-refuses' : 'directory-away';
    const why = `${answer.why}; nothing was changed`;
    return { kind: answer.kind === 'refused' ? 'refused' : 'stale', rule, why, state: `${where}: could not be asked` };
  }
  const state = `${where}: ${step.attribute} ${step.value} is ${answer.member ? 'there' : 'not there'}`;
  const moved = movedFrom(step, answer, purpose);
  if (moved) return { kind: 'stale', ...moved, state };
  return { kind: answer.member === (step.action === 'directory.group-add') ? 'already' : 'todo', state };
}

/** What is no longer as it was approved. Who left the directory since can still be taken out of a group. */
function movedFrom(
  step: DirectoryStep,
  { entry, person }: Extract<Answer, { kind: 'seen' }>,
  purpose: 'giving' | 'taking-back',
): { rule: string; why: string } | null {
  if (!entry) return { rule: 'no-such-group', why: `the directory has no group ${step.group}` };
  if (!sameDn(entry.dn, step.dn))
    return { rule: 'dn-moved', why: `${step.group} is ${entry.dn} now, the plan was for ${step.dn}` };
  if (entry.gid !== null && entry.gid !== step.gid)
    return {
      rule: 'gid-moved',
      why: `${step.group} has gid ${entry.gid} in the directory, the plan was for ${step.gid}`,
    };
  if (purpose === 'taking-back') return null;
  if (person?.uid != null && person.uid !== step.uid)
    return {
      rule: 'uid-moved',
      why: `${step.user} has uid ${person.uid} in the directory, the plan was for ${step.uid}`,
    };
  if (step.attribute === 'memberUid') return null;
  if (!person) return { rule: 'no-such-user', why: `the directory has no entry of ${step.user}` };
  return sameDn(person.dn, step.value)
    ? null
    : { rule: 'dn-moved', why: `${step.user} is ${person.dn} now, the plan was for ${step.value}` };
}

/** @throws Retry when what came of it can't be observed: the run is then closed as unknown, never as done */
export async function changeDirectory(step: DirectoryStep, ground: Ground): Promise<Deed> {
  const add = step.action === 'directory.group-add';
  const answer = await ask(add ? 'add' : 'delete', step, ground);
  switch (answer.kind) {
    case 'changed':
      if (answer.member === null) throw new Retry(answer.why || 'the directory did not say what is there now');
      if (answer.member !== add)
        return {
          result: 'failed',
          note: answer.why
            ? `${answer.why}; nothing was changed`
            : 'not effective: the directory took it and kept nothing',
        };
      if (answer.result === 'already')
        return { result: 'already', note: `somebody else did it just before: ${answer.why}` };
      return { result: 'done', note: answer.why && `${answer.why}, but the change is there` };
    case 'away':
    case 'refused':
      return { result: 'failed', note: `${answer.why}; nothing was changed` };
    case 'seen':
      throw new Retry('the helper looked and changed nothing');
    default:
      return answer satisfies never;
  }
}

/** Does the directory have the value? @throws Retry when it can't be asked */
export async function directoryHas(step: DirectoryStep, ground: Ground): Promise<boolean> {
  const answer = await ask('look', step, ground);
  if (answer.kind !== 'seen') throw new Retry('why' in answer ? answer.why : 'no answer');
  return answer.member === true;
}

/** Asks the helper; while the directory is away, nothing was sent, so it is asked again a few times. */
async function ask(what: Question['what'], step: DirectoryStep, ground: Ground): Promise<Answer> {
  const end = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt++) {
    const answer = await askOnce(what, step, ground);
    if (answer.kind !== 'away' || attempt >= ATTEMPTS || performance.now() > end) return answer;
    await ground.sleep(BACKOFF_MS * 2 ** attempt);
  }
}

async function askOnce(what: Question['what'], step: DirectoryStep, { config, run }: Ground): Promise<Answer> {
  const { ldap } = config.directory;
  if (!ldap?.bindDn || !ldap.passwordFile) return { kind: 'refused', why: 'directory.ldap.bindDn is not configured' };
  const { argv, passwordFile } = helperOf(ldap, ldap.passwordFile, config);
  const { readDn: _, readPasswordFile: __, through: ___, bindDn, ...rest } = ldap;
  const { group, user, dn, value } = step;
  const question: Question = { v: 1, what, ldap: { ...rest, bindDn, passwordFile }, group, user, dn, value };
  // Connecting, asking, changing, reading back over a second connection.
  const timeoutMs = START_MS + 2 * ldap.timeout * 1000;
  let said = '';
  try {
    const result = await run(argv, { input: JSON.stringify(question), timeoutMs, maxBytes: 1 << 16 });
    said = result.timedOut ? `no answer within ${timeoutMs / 1000} s` : result.stderr.trim().split('\n')[0]!;
    const answer = Answer.parse(JSON.parse(result.stdout));
    return 'why' in answer ? { ...answer, why: redact(answer.why) } : answer;
  } catch (error) {
    const why = `the directory's helper gave no answer: ${redact(said || (error as Error).message).slice(0, 300)}`;
    // A change whose end nobody told of may have happened; a look changes nothing.
    return what === 'look' ? { kind: 'away', why } : { kind: 'changed', result: 'lost', member: null, why };
  }
}

/**
 * How the helper is started: as a child of ours, or by systemd in a unit of its own. That unit has the network, no
 * privilege, nothing but the password handed to it, and reaches that one server where the configuration says its address.
 */
export function helperOf(
  ldap: LdapConfig,
  passwordFile: string,
  { verify }: Pick<Config, 'verify'>,
): { argv: string[]; passwordFile: string } {
  const helper = [process.execPath, HELPER];
  const through = ldap.through ?? (verify.through === 'systemd-run' ? 'systemd-run' : 'child');
  if (through === 'child') return { argv: helper, passwordFile };
  const unit = `readmit-directory-${process.pid}-${++units}.service`;
  const properties = [
    `RuntimeMaxSec=${Math.ceil(START_MS / 1000 + 2 * ldap.timeout)}`,
    `LoadCredential=password:${passwordFile}`,
    'DynamicUser=yes',
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'PrivateDevices=yes',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
    ...onlyTo(new URL(ldap.url).hostname),
  ];
  const how = ['--quiet', '--wait', '--pipe', '--collect', '--service-type=exec', `--unit=${unit}`];
  const argv = ['systemd-run', ...how, ...properties.map(p => `--property=${p}`), '--', ...helper];
  return { argv, passwordFile: join('/run/credentials', unit, 'password') };
}

/** A server named by address is the only one reachable; one named by name has to be looked up first. */
function onlyTo(hostname: string): string[] {
  const host = hostname.replace(/^\[|\]$/g, '');
  const literal = host === 'localhost' || /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
  return literal ? ['IPAddressDeny=any', `IPAddressAllow=${host}`] : [];
}
