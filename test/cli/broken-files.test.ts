/** Files that are damaged, empty or something else, a full disk: a command says in a sentence which file, and shows no stack. */
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { publicKeyOf } from '../../src/approve/vote.ts';
import { run } from '../../src/cli/run.ts';
import { serveControl } from '../../src/roles/control.ts';
import { openStore } from '../../src/store/open.ts';
import { aSite, type Site } from '../web/a-site.ts';

const pem = (type: 'pkcs8', key: { export(o: object): string | Buffer }): string =>
  key.export({ type, format: 'pem' }) as string;
const ed25519 = pem('pkcs8', generateKeyPairSync('ed25519').privateKey);
const rsa = pem('pkcs8', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);

let dir: string;
let config: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-broken-'));
  for (const room of ['serve', 'keys']) mkdirSync(join(dir, room));
  const ann = { name: 'root-ann', uid: 2000, roles: ['administrator'], keys: [publicKeyOf(ed25519)] };
  writeFileSync(join(dir, 'approvers.yaml'), JSON.stringify({ approvers: [ann] }), { mode: 0o644 });
  config = join(dir, 'readmit.yaml');
  writeFileSync(config, `state: ${dir}\napprovers: ${dir}/approvers.yaml\nkeys: ${dir}/keys\n`);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function readmit(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [process.stdout, process.stderr].map(stream => vi.spyOn(stream, 'write').mockReturnValue(true));
  const text = (spy: typeof out): string => spy!.mock.calls.map(([chunk]) => String(chunk)).join('');
  try {
    const code = await run(['node', 'readmit', ...argv, '--config', config]);
    return { code, out: text(out), err: text(err) };
  } finally {
    vi.restoreAllMocks();
  }
}

describe('a key file that signs no votes', () => {
  const approve = (...more: string[]) => readmit('approve', '1', '--as', 'root-ann', '--reason', 'joined', ...more);

  it.each([
    ['empty', ''],
    ['garbage', 'no key at all\n'],
    ['cut short', ed25519.slice(0, 60)],
    ['an RSA key', rsa],
  ])('%s: the refusal names the file and the kind of key that is needed', async (_, text) => {
    const file = join(dir, 'keys/root-ann.key');
    writeFileSync(file, text, { mode: 0o600 });
    const said = await approve();
    expect([said.code, said.out]).toEqual([1, '']);
    expect(said.err).toMatch(/^readmit: \S+root-ann\.key holds .* an ed25519 private key is needed.*\n$/);
    const { code, out, err } = await approve('--json');
    expect([code, JSON.parse(out), err]).toEqual([1, { refused: said.err.slice('readmit: '.length, -1) }, '']);
  });
});

describe('a database that is none', () => {
  it.each([
    ['empty', ''],
    ['garbage', 'this is a letter to my aunt, and no database\n'.repeat(200)],
  ])('%s: what reads it names the file', async (_, text) => {
    const file = join(dir, 'serve/readmit.db');
    writeFileSync(file, text);
    for (const argv of [['incidents'], ['show', '1'], ['audit', 'verify'], ['report']]) {
      const { code, err } = await readmit(...argv);
      expect([code, err], argv[0]).toEqual([
        1,
        expect.stringMatching(/^readmit: \S+readmit\.db can't be read as .*\n$/m),
      ]);
    }
    if (text)
      expect(() => openStore(file)).toThrow(`${file} can't be read as Readmit's database: file is not a database`);
  });
});

/** What `serve` or the executor's own user may have put where root reads. */
describe('a FIFO where a file should be: it is not waited for', () => {
  const fifo = (name: string): string => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    execFileSync('mkfifo', [join(dir, name)]);
    return join(dir, name);
  };

  it.each([
    ['the database', 'serve/readmit.db', ['incidents']],
    ['the database', 'serve/readmit.db', ['report']],
    ['the audit file', 'exec/audit.jsonl', ['audit', 'verify']],
    ['the audit file', 'exec/audit.jsonl', ['audit', 'show']],
    ['the ledger', 'exec/ledger.db', ['audit', 'verify']],
    ['a key', 'keys/root-ann.key', ['approve', '1', '--as', 'root-ann', '--reason', 'joined']],
  ])('%s, %s', async (_, name, argv) => {
    const file = fifo(name);
    if (!name.startsWith('serve/')) openStore(join(dir, 'serve/readmit.db')).close();
    const { code, err } = await readmit(...argv);
    expect([code, err]).toEqual([1, `readmit: ${file}: is a FIFO, not a regular file\n`]);
  });

  it("the page's key, the scheduler's log and its configuration: doctor says which it is", async () => {
    const files = ['serve/session.key', 'claw.log', 'claw.yaml'].map(fifo);
    writeFileSync(
      config,
      `state: ${dir}\napprovers: ${dir}/approvers.yaml\nwatch: { log: ${files[1]} }\nscheduler: { config: ${files[2]} }\npolicy: { proof: session }\n`,
    );
    const { out } = await readmit('doctor');
    expect(out).toContain(`PROBLEM  session: ${files[0]}: is a FIFO, not a regular file`);
    expect(out).toContain(`PROBLEM  files: scheduler log ${files[1]} is a FIFO: nothing is read of it`);
    expect(out).toContain(`PROBLEM  files: scheduler config ${files[2]} is a FIFO: nothing is read of it`);
  });

  it("the page's key is no link either: of whose file it would be, nothing is said", async () => {
    writeFileSync(join(dir, 'keys/root-ann.key'), ed25519, { mode: 0o600 });
    symlinkSync(join(dir, 'keys/root-ann.key'), join(dir, 'serve/session.key'));
    writeFileSync(config, `state: ${dir}\napprovers: ${dir}/approvers.yaml\npolicy: { proof: session }\n`);
    const { out } = await readmit('doctor');
    expect(out).toContain(`PROBLEM  session: ${dir}/serve/session.key: is a symbolic link, not a regular file`);
    expect(out).not.toContain("the page's key is in");
  });
});

describe('a full disk', () => {
  let site: Site;
  beforeEach(() => {
    site = aSite({ proof: 'key' });
  });
  afterEach(() => site.end());

  it('under serve: the voter reads what serve says of it', async () => {
    site.store.run(`VACUUM INTO '${dir}/serve/readmit.db'`);
    writeFileSync(join(dir, 'keys/root-ann.key'), ed25519, { mode: 0o600 });
    const full = () => {
      throw Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR' });
    };
    const { close } = await serveControl(join(dir, 'serve/control.sock'), { vote: full });
    const { code, out, err } = await readmit('approve', site.user, '--as', 'root-ann', '--json');
    await close();
    expect([code, out, err]).toEqual([1, '', 'readmit: readmit serve could not do it: database or disk is full\n']);
  });

  it('under what is printed: one sentence', () => {
    site.store.run(`VACUUM INTO '${dir}/serve/readmit.db'`);
    const main = join(import.meta.dirname, '../../src/main.ts');
    const command = '"$0" "$1" incidents --json --config "$2" > /dev/full';
    const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath, main, config], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^readmit: standard output can't be written: ENOSPC.*\n$/),
    ]);
  });
});
