/** A practice cluster of one's own for a test: the real program, started and ended by its own process group. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { reading } from '../../src/cli/inbox.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { IncidentDetail, IncidentRow } from '../../src/desk.ts';
import type { StoreDesk } from '../../src/roles/desk/desk.ts';
import { freePort } from '../free-port.ts';
import { partsTold } from '../processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface Result {
  code: number;
  out: string;
  err: string;
}

const command = (file: string, args: string[], env?: NodeJS.ProcessEnv): Promise<Result> =>
  new Promise(done => {
    execFile(file, args, { env: env ?? process.env, maxBuffer: 1 << 26, timeout: 60_000 }, (error, out, err) =>
      done({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, out, err }),
    );
  });

export interface Mail {
  to: string[];
  subject: string;
  text: string;
  html: string;
  raw: string;
}

export class Cluster {
  readonly dir: string;
  readonly port: number;
  output = '';
  #child: ChildProcess | null = null;
  readonly #answers = new Map<string, { written: string | null; answer: unknown }>();

  private constructor(dir: string, port: number) {
    this.dir = dir;
    this.port = port;
  }

  /** `prepare` gets the empty directory and the page's port before anything starts there. */
  static async start(prepare?: (dir: string, port: number) => void | Promise<void>): Promise<Cluster> {
    const cluster = new Cluster(mkdtempSync(join(tmpdir(), 'rdm-')), await freePort());
    await prepare?.(cluster.dir, cluster.port);
    await cluster.up();
    return cluster;
  }

  async up(): Promise<void> {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'src/main.ts'), 'demo', '--dir', this.dir, '--port', String(this.port)],
      {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    this.output = '';
    await new Promise<void>((ready, fail) => {
      const timer = setTimeout(() => fail(new Error(`no ready line within 90 s:\n${this.output}`)), 90_000);
      const take = (chunk: Buffer): void => {
        this.output += chunk.toString();
        if (this.output.includes(`ready http://127.0.0.1:${this.port}\n`)) {
          clearTimeout(timer);
          ready();
        }
      };
      child.stdout!.on('data', take);
      child.stderr!.on('data', take);
      child.once('exit', code => {
        clearTimeout(timer);
        fail(new Error(`the demo ended with ${code}:\n${this.output}`));
      });
    });
  }

  /** SIGTERM to the process group, as the contract says. */
  async down(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise<void>(done => child.once('exit', () => done()));
    process.kill(-child.pid!, 'SIGTERM');
    await gone;
  }

  async end(): Promise<void> {
    await this.down();
    rmSync(this.dir, { recursive: true, force: true });
  }

  get group(): number {
    return this.#child!.pid!;
  }

  /** Variables of DIR/env, as a shell would have them after sourcing it. */
  env(): Record<string, string> {
    return Object.fromEntries(
      [...readFileSync(join(this.dir, 'env'), 'utf8').matchAll(/^(?:export )?([A-Z_]+)=(.*)$/gm)].map(m => [
        m[1]!,
        m[2]!.replace(/^["']|["']$/g, ''),
      ]),
    );
  }

  as = (user: string, ...argv: string[]): Promise<Result> => command(join(this.dir, 'bin/as'), [user, ...argv]);
  submit = (user: string): Promise<Result> => this.as(user, 'clw', 'submit', 'test.yaml');
  practice = async (...argv: string[]): Promise<Result> => {
    const result = await command(join(this.dir, 'bin/practice'), argv);
    if (result.code !== 0) throw new Error(`practice ${argv.join(' ')}: ${result.out}${result.err}`);
    return result;
  };
  readmit = (...argv: string[]): Promise<Result> =>
    command(join(this.dir, 'bin/readmit'), argv, { ...process.env, READMIT_CONFIG: join(this.dir, 'readmit.yaml') });

  async json<T>(...argv: string[]): Promise<T> {
    const { out, err } = await this.readmit(...argv, '--json');
    try {
      return JSON.parse(out) as T;
    } catch {
      throw new Error(`readmit ${argv.join(' ')} --json printed no JSON: ${out}${err}`);
    }
  }
  incidents = (): Promise<IncidentRow[]> => this.#seen('', desk => desk.incidents({ all: true }));
  show = (id: string): Promise<IncidentDetail> => this.#seen(id, desk => desk.show(id));

  /**
   * What `readmit incidents --json` and `show --json` print, by what they run, in this process and only after the database
   * was written to: tests look twenty times a second, and a program started for each look would take the machine that it
   * looks at. That the command prints it is for the tests of the command line (`json`).
   */
  async #seen<T>(what: string, look: (desk: StoreDesk) => T): Promise<T> {
    const written = this.#written();
    const known = this.#answers.get(what);
    if (known && written !== null && known.written === written) return structuredClone(known.answer) as T;
    const answer = JSON.parse(JSON.stringify(reading(loadConfig(join(this.dir, 'readmit.yaml')), look)));
    this.#answers.set(what, { written, answer });
    return structuredClone(answer) as T;
  }

  #written(): string | null {
    try {
      const { ino, size, mtimeNs } = statSync(join(this.dir, 'state/serve/readmit.db-wal'), { bigint: true });
      return `${ino} ${size} ${mtimeNs}`;
    } catch {
      return null;
    }
  }

  async mails(): Promise<Mail[]> {
    const answer = await fetch(`${this.env().PRACTICE_MAILBOX}/messages`);
    return (await answer.json()) as Mail[];
  }

  /** Waits until `look` finds something. Looks every 50 ms: waiting for the product, not sleeping for luck. */
  async until<T>(what: string, look: () => Promise<T | null | undefined | false>, limitMs = 90_000): Promise<T> {
    const end = performance.now() + limitMs;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (performance.now() > end) {
        throw new Error(`${what}: not within ${limitMs} ms\n${await this.told()}\n${this.output.slice(-4000)}`);
      }
      await new Promise(r => setTimeout(r, 50));
    }
  }

  /** What a person would look at: the processes, what could not be sent, every incident in a line and how it came there. */
  async told(): Promise<string> {
    const rows = await this.incidents().catch(() => []);
    const lines = rows.map(async i => {
      const line = `${i.id} ${i.kind} ${i.key}: ${i.state} ${i.cause ?? ''} ${i.marks.join(' ')} ${i.updated}`;
      const { history, next } = await this.show(i.id);
      return [line, ...history.map(h => `    ${h.at} ${h.who}: ${h.what}`), `    next: ${next ?? ''}`].join('\n');
    });
    const at = `it is ${new Date().toISOString()}; ${partsTold(this.group)}`;
    return [at, ...this.#unsent(), ...(await Promise.all(lines))].join('\n');
  }

  #unsent(): string[] {
    try {
      const db = new DatabaseSync(join(this.dir, 'state/serve/readmit.db'), { readOnly: true });
      try {
        return db
          .prepare('SELECT key, attempts, due, result FROM outbox WHERE done IS NULL ORDER BY due LIMIT 10')
          .all()
          .map(
            r =>
              `not sent: ${r.key}, tried ${r.attempts} times, due ${new Date(Number(r.due)).toISOString()} ${r.result}`,
          );
      } finally {
        db.close();
      }
    } catch (error) {
      return [`its store: ${(error as Error).message}`];
    }
  }

  incidentOf = (what: string, test: (i: IncidentRow) => boolean, limitMs?: number): Promise<IncidentRow> =>
    this.until(what, async () => (await this.incidents()).find(test), limitMs);
}
