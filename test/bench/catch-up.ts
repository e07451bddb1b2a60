/**
 * After an hour in which the agent stood still: how long until the log is counted, by the real agent, Redis and `serve`,
 * and how late meanwhile a line in somebody's own log is. Everybody whom the log names has an account.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  createReadStream,
  createWriteStream,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { startRedis } from '../../src/queue/embedded-redis.ts';
import { cpuOf, load, type Quantiles, quantiles, residentOf, two } from './measure.ts';

const READMIT = resolve(import.meta.dirname, '../../deploy/readmit');
/** An hour at 10,000 lines a second. */
const HOUR_OF_LINES = 36_000_000;
const EVERY_MS = 40;
const pause = (ms: number): Promise<void> => new Promise(r => setTimeout(r, ms));

type CatchUp = {
  lines: number;
  denials: number;
  /** From the start of the agent's process until everything was committed; the start itself is part of it. */
  seconds: number;
  linesPerSecond: number;
  /** What an hour's log would take at that pace. */
  secondsForAnHour: number;
  talliesStored: number;
  'live line → committed, before (ms)': Quantiles;
  'live line → committed, meanwhile (ms)': Quantiles;
  agentCpu: number;
  serveCpu: number;
  agentMegabytes: number;
  serveMegabytes: number;
  loadAfter: number;
};

/** @param lines of a log made by `generate.mjs`: 10 % denials of 500 people from 200 addresses */
export async function catchUpFigures(dir: string, lines: number): Promise<CatchUp> {
  const host = new Host(dir);
  try {
    const denials = host.lay(lines);
    await host.start();
    await host.until(() => host.counted(host.log) === statSync(host.log).size && host.undecided() === 0);
    await pause(2000);
    const before = await host.live(() => false, 150);
    await host.stop('agent');
    await pipeline(createReadStream(join(dir, 'hour.log')), createWriteStream(host.log, { flags: 'a' }));
    // Written long ago: what the system has still to put on the disk is no part of it.
    for (const file of [host.log, join(dir, 'hour.log')]) {
      const fd = openSync(file, 'r+');
      fsyncSync(fd);
      closeSync(fd);
    }
    const size = statSync(host.log).size;
    const cpu = host.cpu('serve');
    const begin = performance.now();
    // Until it is ready nothing of a line can be seen; its start is part of the time.
    await host.run('agent');
    let seconds = 0;
    let most = { agent: 0, serve: 0 };
    const done = (): boolean => {
      most = {
        agent: Math.max(most.agent, host.resident('agent')),
        serve: Math.max(most.serve, host.resident('serve')),
      };
      if (host.counted(host.log) < size || host.kept() > 0) return false;
      seconds = (performance.now() - begin) / 1000;
      return true;
    };
    const meanwhile = await host.live(done);
    return {
      lines,
      denials,
      seconds: two(seconds),
      linesPerSecond: Math.round(lines / seconds),
      secondsForAnHour: two((seconds * HOUR_OF_LINES) / lines),
      talliesStored: host.tallies(),
      'live line → committed, before (ms)': quantiles(before),
      'live line → committed, meanwhile (ms)': quantiles(meanwhile),
      agentCpu: two(host.cpu('agent')),
      serveCpu: two(host.cpu('serve') - cpu),
      agentMegabytes: Math.round(most.agent / (1 << 20)),
      serveMegabytes: Math.round(most.serve / (1 << 20)),
      loadAfter: load(),
    };
  } finally {
    await host.end();
  }
}

/** A directory that stands for a host, with Redis, `serve` and an agent over it. */
class Host {
  readonly dir: string;
  readonly log: string;
  readonly #own: string;
  readonly #parts = new Map<string, ChildProcess>();
  #db: DatabaseSync | null = null;
  #committed: StatementSync | null = null;

  constructor(dir: string) {
    this.dir = dir;
    this.log = join(dir, 'scheduler.log');
    this.#own = join(dir, 'home/alice/.claw/clw.log');
  }

  /** Writes passwd, configuration and the logs. @returns how many denials the hour has */
  lay(lines: number): number {
    mkdirSync(join(this.dir, 'home/alice/.claw'), { recursive: true });
    const generate = (name: string, count: number): void =>
      void execFileSync(process.execPath, ['generate.mjs', '--out', join(this.dir, name), '--lines', `${count}`], {
        cwd: import.meta.dirname,
        stdio: 'ignore',
      });
    generate('hour', lines);
    const people = readFileSync(join(this.dir, 'hour.answer.tsv'), 'utf8')
      .split('\n')
      .filter(row => row.startsWith('U\t'))
      .map(row => row.split('\t')[1]!);
    if (!people.includes('alice')) people.push('alice');
    const passwd = people.map((name, n) => `${name}:x:${2000 + n}:100::${this.dir}/home/${name}:/bin/sh\n`);
    writeFileSync(join(this.dir, 'passwd'), `root:x:0:0::/root:/bin/sh\n${passwd.join('')}`);
    writeFileSync(join(this.dir, 'group'), 'root:x:0:\n');
    writeFileSync(join(this.dir, 'approvers.yaml'), 'approvers: []\n', { mode: 0o644 });
    // Everybody has been refused before: what an incident costs when it opens is another matter than counting.
    const refused = people.map(
      name => `[WARNING] Unauthorized access attempt from 10.0.0.1: user ${name}, endpoint /submit\n`,
    );
    writeFileSync(this.log, refused.join(''));
    writeFileSync(this.#own, '');
    const config = {
      host: 'claw-head-01',
      state: join(this.dir, 'state'),
      log: { level: 'warn' },
      approvers: join(this.dir, 'approvers.yaml'),
      executor: { enabled: false },
      redis: { socket: join(this.dir, 'redis.sock') },
      paths: { passwd: join(this.dir, 'passwd'), group: join(this.dir, 'group'), commands: [join(this.dir, 'bin')] },
      watch: { log: this.log },
      // No commands: diagnosis has nothing to ask here, and takes no time from counting.
      web: { listen: '127.0.0.1:0' },
      // An hour of denials is no storm; written here within seconds, it would be taken for one.
      detect: { serviceUsers: 1_000_000 },
    };
    writeFileSync(join(this.dir, 'readmit.yaml'), JSON.stringify(config));
    return (JSON.parse(readFileSync(join(this.dir, 'hour.meta.json'), 'utf8')) as { denials: number }).denials;
  }

  async start(): Promise<void> {
    const redis = await startRedis(join(this.dir, 'redis.sock'), join(this.dir, 'redis'), null, process.env.PATH ?? '');
    this.#parts.set('redis', redis);
    await this.run('serve');
    await this.run('agent');
    this.#db = new DatabaseSync(join(this.dir, 'state/serve/readmit.db'), { readOnly: true, timeout: 5000 });
    this.#committed = this.#db.prepare('SELECT max(committed) AS committed FROM source WHERE path = ?');
  }

  /** Starts a part as it is installed; resolves when it is ready. */
  async run(part: 'serve' | 'agent'): Promise<void> {
    const child = spawn(READMIT, [part, '--config', join(this.dir, 'readmit.yaml')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#parts.set(part, child);
    await once(child.stdout!, 'data');
  }

  async stop(part: string): Promise<void> {
    const child = this.#parts.get(part)!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, 'exit');
  }

  async until(holds: () => boolean): Promise<void> {
    for (const end = performance.now() + 120_000; !holds(); await pause(20))
      if (performance.now() > end) throw new Error('nothing is counted');
  }

  /** Bytes of this file that are committed. */
  counted = (path: string): number =>
    Number((this.#committed!.get(path) as { committed: number | null }).committed ?? 0);
  /** Incidents whose diagnosis is under way. */
  undecided = (): number => this.#number("SELECT count(*) AS n FROM incident WHERE state = 'open' AND due IS NOT NULL");
  /** Parts of batches that are on disk and not counted. */
  kept = (): number => this.#number('SELECT count(*) AS n FROM received');
  tallies = (): number => this.#number('SELECT count(*) AS n FROM observation');
  #number = (sql: string): number => Number((this.#db!.prepare(sql).get() as { n: number }).n);
  cpu = (part: string): number => cpuOf(this.#parts.get(part)!.pid!);
  resident = (part: string): number => residentOf(this.#parts.get(part)!.pid!);

  /**
   * Alice's own log gets a line every so often. @returns milliseconds until each was committed
   * @param done looked at about a hundred times a second; or `most` lines
   */
  async live(done: () => boolean, most = Number.POSITIVE_INFINITY): Promise<number[]> {
    const waited: number[] = [];
    const under: { at: number; end: number }[] = [];
    let end = statSync(this.#own).size;
    let due = performance.now();
    let looked = 0;
    let over = false;
    for (let n = 0; !(over || n >= most) || under.length > 0; await pause(1)) {
      const now = performance.now();
      const committed = this.counted(this.#own);
      while (under.length > 0 && under[0]!.end <= committed) waited.push(now - under.shift()!.at);
      if (now - looked > 10) {
        looked = now;
        over ||= done();
      }
      if (over || n >= most || now < due) continue;
      due = now + EVERY_MS;
      n++;
      const time = new Date().toISOString().replace(/\.\d+Z/, 'Z');
      const line = `[ERROR] ${time}: HTTP 403 from scheduler: {"error":"clw-scheduler-denied","message":"User alice@example.com not authorized"}\n`;
      end += line.length;
      under.push({ at: performance.now(), end });
      appendFileSync(this.#own, line);
    }
    return waited;
  }

  async end(): Promise<void> {
    this.#db?.close();
    for (const part of ['agent', 'serve', 'redis']) if (this.#parts.has(part)) await this.stop(part);
  }
}
