/**
 * What systemd would be here: keeps the scheduler as the unit `claw-scheduler` and the directory as the unit `sssd`, writes
 * their state where the `systemctl` front reads it, and takes start, stop and restart over a unix socket, one at a time.
 * A scheduler that ends by itself stays down, as the real one does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { controlSocket, type Layout, put } from './layout.ts';

type Verb = 'start' | 'stop' | 'restart' | 'try-restart' | 'reload-or-restart' | 'reset-failed';
type Active = 'active' | 'inactive' | 'failed' | 'activating';

/** What `systemctl` should print on standard error, and its exit code. */
export interface UnitReply {
  code: number;
  message: string;
}

const DONE: UnitReply = { code: 0, message: '' };
/** One that runs and says nothing is given up after this; one that can't start ends, and is not waited for. */
const READY_MS = 30_000;
const STOP_MS = 1_500;

const pad = (n: number): string => String(n).padStart(2, '0');
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** `Wed 2024-09-18 10:30:15 UTC @1726655415123000`: systemd's form, and the microseconds for --timestamp. */
function stamp(ms: number | null): string {
  if (ms === null) return '';
  const d = new Date(ms);
  const day = `${DAYS[d.getUTCDay()]} ${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`;
  return `${day} ${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())} UTC @${Math.round(ms * 1000)}`;
}

abstract class Unit {
  readonly name: string;
  protected readonly at: Layout;
  #description: string;
  #entered: number | null = null;

  constructor(at: Layout, name: string, description: string) {
    this.at = at;
    this.name = name;
    this.#description = description;
  }

  abstract start(): Promise<UnitReply>;
  abstract stop(): Promise<UnitReply>;
  abstract get active(): boolean;

  async do(verb: Verb): Promise<UnitReply> {
    switch (verb) {
      case 'start':
        return this.active ? DONE : await this.start();
      case 'stop':
        return await this.stop();
      case 'try-restart':
        if (!this.active) return DONE;
        await this.stop();
        return await this.start();
      case 'restart':
      case 'reload-or-restart':
        await this.stop();
        return await this.start();
      case 'reset-failed':
        if (!this.active) this.note('inactive', 0, 'success');
        return DONE;
      default:
        return { code: 1, message: `Unknown command verb ${verb satisfies never}.` };
    }
  }

  /** Writes the state file that the front reads, whole or not at all. */
  protected note(active: Active, pid: number, result: string, exit = 0): void {
    const now = Date.now();
    if (active === 'active') this.#entered = now;
    const sub = { active: 'running', inactive: 'dead', failed: 'failed', activating: 'start' }[active];
    const monotonic =
      this.#entered === null ? 0 : Math.round((this.#entered - (Date.now() - performanceSinceBoot())) * 1000);
    const rows = {
      Id: `${this.name}.service`,
      Names: `${this.name}.service`,
      Description: this.#description,
      Type: 'notify',
      LoadState: 'loaded',
      ActiveState: active,
      SubState: sub,
      Result: result,
      UnitFileState: 'enabled',
      FragmentPath: `/etc/systemd/system/${this.name}.service`,
      MainPID: pid,
      ExecMainPID: pid,
      ExecMainStatus: exit,
      ExecMainStartTimestamp: stamp(this.#entered),
      ActiveEnterTimestamp: stamp(this.#entered),
      ActiveEnterTimestampMonotonic: monotonic,
      StateChangeTimestamp: stamp(now),
      NRestarts: 0,
    };
    const file = join(this.at.units, this.name);
    put(
      `${file}.new`,
      Object.entries(rows)
        .map(([k, v]) => `${k}=${v}\n`)
        .join(''),
    );
    renameSync(`${file}.new`, file);
  }

  protected journal(text: string): void {
    appendFileSync(join(this.at.root, 'var/log/journal', `${this.name}.log`), `${new Date().toISOString()} ${text}\n`);
  }
}

/** Milliseconds since the machine started, for the monotonic timestamp. */
const performanceSinceBoot = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;

/** The directory runs as long as there is no file that says otherwise. */
class Directory extends Unit {
  get active(): boolean {
    return !existsSync(join(this.at.directory, 'down'));
  }
  async start(): Promise<UnitReply> {
    rmSync(join(this.at.directory, 'down'), { force: true });
    this.note('active', process.pid, 'success');
    return DONE;
  }
  async stop(): Promise<UnitReply> {
    writeFileSync(join(this.at.directory, 'down'), '');
    this.note('inactive', 0, 'success');
    return DONE;
  }
  /** The file is how a cause takes the directory away; the unit has then failed. */
  refresh(): void {
    if (this.active) this.note('active', process.pid, 'success');
    else {
      this.journal('sssd: ldap://ldap.practice.example: connection refused; backend offline');
      this.note('failed', 0, 'exit-code', 1);
    }
  }
}

class Scheduler extends Unit {
  #child: ChildProcess | null = null;
  #stopping = false;

  get active(): boolean {
    return this.#child !== null;
  }

  async start(): Promise<UnitReply> {
    this.#stopping = false;
    const journal = openSync(this.at.journal, 'a');
    this.journal('Starting claw-scheduler.service');
    this.note('activating', 0, 'success');
    const child = spawn(process.execPath, [join(import.meta.dirname, 'scheduler.ts'), this.at.root], {
      stdio: ['pipe', 'pipe', journal],
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    this.#child = child;
    const ready = new Promise<'listening' | 'ended' | 'late'>(resolve => {
      child.stdout!.once('data', () => resolve('listening'));
      child.once('close', () => resolve('ended'));
      child.once('error', () => resolve('ended'));
      setTimeout(() => resolve('late'), READY_MS).unref();
    });
    child.once('close', (code, signal) => {
      if (this.#child === child) this.#child = null;
      rmSync(join(this.at.proc, String(child.pid)), { recursive: true, force: true });
      const how = signal ? `killed by ${signal}` : `ended with ${code}`;
      this.journal(`claw-scheduler.service: main process ${how}`);
      if (this.#stopping || code === 0) this.note('inactive', 0, 'success');
      else this.note('failed', 0, signal ? 'signal' : 'exit-code', code ?? 9);
    });
    if ((await ready) === 'listening') {
      this.#showInProc(child.pid!);
      this.note('active', child.pid!, 'success');
      return DONE;
    }
    child.kill('SIGKILL');
    return {
      code: 1,
      message:
        `Job for ${this.name}.service failed because the control process exited with error code.\n` +
        `See "systemctl status ${this.name}.service" and "journalctl -xeu ${this.name}.service" for details.`,
    };
  }

  async stop(): Promise<UnitReply> {
    const child = this.#child;
    if (!child) {
      this.note('inactive', 0, 'success');
      return DONE;
    }
    this.#stopping = true;
    const gone = new Promise<void>(resolve => child.once('close', () => resolve()));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(late);
    return DONE;
  }

  /** The practice process table has the scheduler too, as the account it would run as. */
  #showInProc(pid: number): void {
    const dir = join(this.at.proc, String(pid));
    mkdirSync(dir, { recursive: true });
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      .replace(/^Name:.*$/m, 'Name:\tclaw-scheduler')
      .replace(/^(Uid|Gid):.*$/gm, '$1:\t990\t990\t990\t990')
      .replace(/^Groups:.*$/m, 'Groups:\t990 ');
    writeFileSync(join(dir, 'status'), status);
    writeFileSync(join(dir, 'stat'), readFileSync(`/proc/${pid}/stat`));
  }
}

export interface Units {
  systemctl(verb: Verb, unit: string): Promise<UnitReply>;
  close(): Promise<void>;
}

/** Starts both units and the socket. @throws with the journal's last line when the scheduler can't even be started */
export async function startUnits(at: Layout): Promise<Units> {
  mkdirSync(at.units, { recursive: true });
  const directory = new Directory(at, 'sssd', 'System Security Services Daemon (practice directory)');
  const scheduler = new Scheduler(at, 'claw-scheduler', 'OpenClaw scheduler (practice)');
  directory.refresh();
  let last: Promise<unknown> = Promise.resolve();
  const systemctl = (verb: Verb | 'refresh', name: string): Promise<UnitReply> => {
    const run = async (): Promise<UnitReply> => {
      const unit = name === 'sssd' ? directory : scheduler;
      if (verb !== 'refresh') return await unit.do(verb);
      directory.refresh();
      return DONE;
    };
    const next = last.then(run, run);
    last = next;
    return next;
  };
  const server = await listen(at, systemctl);
  return {
    systemctl,
    close: async () => {
      server.close();
      await last.catch(() => {});
      await scheduler.stop();
      rmSync(controlSocket(at), { force: true });
    },
  };
}

/** One request a connection: a JSON line `{"verb","unit"}`, answered by one JSON line. */
function listen(at: Layout, systemctl: (verb: Verb, unit: string) => Promise<UnitReply>): Promise<Server> {
  rmSync(controlSocket(at), { force: true });
  const server = createServer(socket => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', chunk => {
      text += chunk;
      if (!text.includes('\n')) return;
      const { verb, unit } = JSON.parse(text) as { verb: Verb; unit: string };
      void systemctl(verb, unit).then(reply => socket.end(`${JSON.stringify(reply)}\n`));
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(controlSocket(at), () => resolve(server));
  });
}
