/**
 * What the tests of `watch` are made of: a tailer over a real directory with a clock in the test's hand, a serve that
 * commits exactly as the real one does, and a parser for lines that count themselves.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ParseChunk } from '../../src/incident.ts';
import type { Batch } from '../../src/messages.ts';
import { localDisk } from '../../src/watch/disk.ts';
import { type Place, serverPlace } from '../../src/watch/place.ts';
import { Checkpoint } from '../../src/watch/position.ts';
import { Tailer, type TailerOptions } from '../../src/watch/tailer.ts';

const made: string[] = [];
export function freshDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'watch-'));
  made.push(dir);
  return dir;
}
export function removeDirs(): void {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
}

/** Takes lines of the form `NAME;` (the name is the user) whole; `!…` is unparsed, broken UTF-8 is bad. */
export const parseNames: ParseChunk = (bytes, from, to, source, sink) => {
  const count = { lines: 0, unparsed: 0, bad: 0 };
  for (let at = from; at < to; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0 || end >= to) throw new Error(`a piece that does not end in a newline: [${from}, ${to})`);
    const line = bytes.toString('latin1', at, end);
    count.lines++;
    if (/^[A-Za-z0-9_-]+;$/.test(line)) {
      const user = source.owner ?? line.slice(0, -1);
      const rest = { ip: null, endpoint: null, time: null, selfReported: source.kind === 'client' };
      sink({ event: 'denied', user, ...rest, start: at, end });
    } else if (line.startsWith('!')) count.unparsed++;
    else if (/[^\x20-\x7e]/.test(line)) count.bad++;
    at = end + 1;
  }
  return count;
};

/** Serve as the agent sees it: takes a batch only where the last one of that source ended. */
export class FakeServe {
  committed = new Map<string, number>();
  counts = new Map<string, number>();
  batches: Batch[] = [];
  lines = 0;
  cut = 0;
  bad = 0;

  #parts = new Map<string, Map<number, Batch>>();

  /** A batch as it is sent, whole or a part of one; null while others of its parts are missing. */
  takeSent(batch: Batch): { source: string; committed: number } | null {
    if (!batch.part) return this.take(batch);
    const name = `${batch.source.id} ${batch.from} ${batch.to}`;
    const parts = this.#parts.get(name) ?? new Map<number, Batch>();
    this.#parts.set(name, parts.set(batch.part.n, batch));
    if (parts.size < batch.part.of) return null;
    this.#parts.delete(name);
    return this.take({ ...batch, tallies: [...parts.values()].flatMap(part => part.tallies) });
  }

  take(batch: Batch): { source: string; committed: number } {
    const at = this.committed.get(batch.source.id) ?? 0;
    if (batch.from !== at) return { source: batch.source.id, committed: at };
    this.committed.set(batch.source.id, batch.to);
    this.batches.push(batch);
    this.lines += batch.lines;
    this.cut += batch.cut;
    this.bad += batch.bad;
    for (const tally of batch.tallies) {
      const user = tally.user ?? '';
      this.counts.set(user, (this.counts.get(user) ?? 0) + tally.count);
    }
    return { source: batch.source.id, committed: batch.to };
  }

  get positions(): { id: string; committed: number }[] {
    return [...this.committed].map(([id, committed]) => ({ id, committed }));
  }
  get total(): number {
    return [...this.counts.values()].reduce((a, b) => a + b, 0);
  }
  /** Names counted more than once. */
  get twice(): string[] {
    return [...this.counts].filter(([, n]) => n > 1).map(([name]) => name);
  }
}

/** Atomic as the real one, without the sync: these tests crash a process, not a machine. */
export async function replaceQuickly(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

export interface LabOptions extends Partial<Omit<TailerOptions, 'checkpoint'>> {
  dir?: string;
  serve?: FakeServe;
  replace?: (file: string, text: string) => Promise<void>;
}

/** A tailer that moves only when the test says so. `crash` drops what is in memory; `open` starts it again. */
export class Lab {
  readonly dir: string;
  readonly serve: FakeServe;
  /** Wall and steady milliseconds, both in the test's hand. */
  wall = Date.now();
  steady = 1_000_000;
  alarms: string[] = [];
  losses: string[] = [];
  tailer!: Tailer;
  places: Place[] = [];
  #options: LabOptions;

  constructor(options: LabOptions = {}) {
    this.#options = options;
    this.dir = options.dir ?? freshDir();
    this.serve = options.serve ?? new FakeServe();
  }

  get log(): string {
    return join(this.dir, 'log');
  }
  get checkpointFile(): string {
    return join(this.dir, 'positions.json');
  }

  tick(ms: number): void {
    this.wall += ms;
    this.steady += ms;
  }

  /** Starts as the agent does: a good checkpoint is used, otherwise serve is asked; its answer corrects in any case. */
  async open(...places: Place[]): Promise<this> {
    if (places.length > 0) this.places = places;
    if (this.places.length === 0) this.places = [serverPlace(this.log, localDisk)];
    const checkpoint = new Checkpoint({
      file: this.checkpointFile,
      replace: this.#options.replace ?? replaceQuickly,
      steady: () => this.steady,
      alarm: problem => this.alarms.push(problem ?? 'right again'),
    });
    const { records } = await checkpoint.load();
    this.tailer = new Tailer({
      host: 'head',
      parse: parseNames,
      redact: line => line,
      now: () => this.wall,
      steady: () => this.steady,
      maxLine: 65536,
      spool: 1000,
      descriptors: 64,
      lost: (path, bytes, why) => this.losses.push(`${path}: ${bytes}: ${why}`),
      ...this.#options,
      checkpoint,
    });
    this.tailer.restore(records);
    this.tailer.positions(this.serve.positions);
    for (const place of this.places) this.tailer.watch(place);
    return this;
  }

  /** The operating system's part of a crash: descriptors are closed, memory is gone. */
  crash(): void {
    for (const tail of this.tailer.tails.values()) tail.close();
  }

  async poll(): Promise<void> {
    for (const tail of this.tailer.tails.values()) await this.tailer.poll(tail);
  }

  /** One round: look, record, send, and be answered. */
  async round(): Promise<number> {
    await this.poll();
    await this.tailer.record();
    const batches = this.tailer.outgoing().map(draft => draft.whole());
    for (const batch of batches) {
      const { source, committed } = this.serve.take(batch);
      this.tailer.ack(source, committed);
    }
    await this.tailer.shared.checkpoint.saveLazily();
    return batches.length;
  }

  /** Rounds until nothing moves any more; time passes meanwhile. */
  async drain(passing = 1100, quiet = 3): Promise<void> {
    for (let still = 0, n = 0; still < quiet; n++) {
      if (n > 10_000) throw new Error('it never comes to rest');
      const before = this.tailer.spooled;
      const sent = await this.round();
      const behind = [...this.tailer.tails.values()].some(t => t.behind === 'yes');
      still = sent === 0 && before === 0 && !behind ? still + 1 : 0;
      this.tick(passing);
    }
  }
}

/** Waits until something is true, looking every few milliseconds; fails with what it waited for. */
export async function until(what: string, is: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!is()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await pause(5);
  }
}
