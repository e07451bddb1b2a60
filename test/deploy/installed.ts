/**
 * Readmit installed by its own script into a directory, with the users and directories that systemd's tools make of our
 * snippets there. Programs are started as those users by their numbers, as systemd would.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const REPO = resolve(import.meta.dirname, '../..');
export const UNITS = join(REPO, 'deploy/systemd');
export const isRoot = process.getuid?.() === 0;

/** The name of a test that can't be tried here says so. */
export const needsRoot = (name: string): string => (isRoot ? name : `${name} — NOT TRIED: it needs root`);

export interface Said {
  code: number;
  out: string;
  err: string;
}

export const run = (file: string, args: string[], env?: NodeJS.ProcessEnv): Promise<Said> =>
  new Promise(done => {
    execFile(file, args, { env: env ?? process.env, maxBuffer: 1 << 24, timeout: 30_000 }, (error, out, err) =>
      done({
        code: error ? (typeof error.code === 'number' ? error.code : 1) : 0,
        out,
        err: `${err}${error && !error.code ? error.message : ''}`,
      }),
    );
  });

/** `key=value` lines of a unit, comments left out; a key may come several times. */
export function settings(unit: string): [string, string][] {
  return readFileSync(join(UNITS, unit), 'utf8')
    .split('\n')
    .filter(line => /^[A-Z]\w*=/.test(line))
    .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
}
export const setting = (unit: string, key: string): string[] =>
  settings(unit).flatMap(([k, v]) => (k === key ? [v] : []));

export const unitFiles = (): string[] => readdirSync(UNITS).filter(f => /\.(service|socket)$/.test(f));
export const services = (): string[] => unitFiles().filter(f => f.endsWith('.service'));

export class Installed {
  readonly root: string;
  readonly #children: ChildProcess[] = [];

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<Installed> {
    const root = mkdtempSync(join(tmpdir(), 'rdi-'));
    // Others must be able to get as far as our own directories.
    chmodSync(root, 0o755);
    const installed = new Installed(root);
    const said = await installed.install();
    if (said.code !== 0) {
      await installed.end();
      throw new Error(`install.sh: ${said.out}${said.err}`);
    }
    return installed;
  }

  at = (...parts: string[]): string => join(this.root, ...parts);
  install = (): Promise<Said> => run('sh', [join(REPO, 'deploy/install.sh'), '--root', this.root]);
  readmit = (...args: string[]): Promise<Said> => run(this.at('usr/bin/readmit'), args);

  /** Users and directories as at boot; needs root. */
  async populate(): Promise<void> {
    // adm is there on every machine with systemd; here it is said who it is.
    mkdirSync(this.at('etc'), { recursive: true });
    writeFileSync(this.at('etc/group'), 'root:x:0:\nadm:x:4:\n');
    writeFileSync(this.at('etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
    for (const argv of [
      ['systemd-sysusers', '--root', this.root, 'readmit.conf'],
      ['systemd-tmpfiles', '--root', this.root, '--create', 'readmit.conf'],
    ]) {
      const said = await run(argv[0]!, argv.slice(1));
      if (said.code !== 0) throw new Error(`${argv.join(' ')}: ${said.err}`);
    }
  }

  /** Numbers of a user that systemd-sysusers made, with all its groups. */
  identity(user: string): { uid: number; gid: number; groups: number[] } {
    const row = (file: string, name: string) =>
      readFileSync(this.at('etc', file), 'utf8')
        .split('\n')
        .map(line => line.split(':'))
        .find(fields => fields[0] === name)!;
    const [, , uid, gid] = row('passwd', user);
    const groups = readFileSync(this.at('etc/group'), 'utf8')
      .split('\n')
      .filter(line => line.split(':')[3]?.split(',').includes(user))
      .map(line => Number(line.split(':')[2]));
    return { uid: Number(uid), gid: Number(gid), groups };
  }

  /** A command line that becomes that user, with its groups and without a capability. */
  become({ uid, gid, groups }: { uid: number; gid: number; groups: number[] }): string[] {
    const many = groups.length > 0 ? [`--groups=${groups.join(',')}`] : ['--clear-groups'];
    return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, ...many, '--inh-caps=-all', '--no-new-privs', '--'];
  }

  start(argv: string[]): ChildProcess {
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }

  /** The units where `systemd-analyze verify --root` looks, with the ones they lean on. */
  withSystemUnits(): void {
    const own = this.at('usr/lib/systemd/system');
    for (const entry of readdirSync('/usr/lib/systemd/system', { withFileTypes: true }))
      if (entry.isFile() && /\.(target|slice)$/.test(entry.name))
        copyFileSync(join(entry.parentPath, entry.name), join(own, entry.name));
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise(done => child.once('exit', done));
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}
