/**
 * `readmit scan FILE…`: the same parser and detector over files, without Redis or store. Imports only what it uses, since
 * the whole process should be done before other tools have read the file; a large file is read by two threads.
 */
import { once } from 'node:events';
import { closeSync, createReadStream, readFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import { type Account, Usage } from '../../incident.ts';
import { USUAL_NAMES, type UserNameSettings, userNames } from '../../names.ts';
import { compiledPacks, ownRules } from '../../rules/cache.ts';
import { compileRules, LineParser } from '../../rules/parser.ts';
import { Counter, type Counts } from './count.ts';
import { countShare, countStream, findInput, type Input, type PlainFile, piecesOf } from './input.ts';
import { replay } from './replay.ts';
import { scanJson, scanResult, scanText } from './report.ts';
import type { Share } from './worker.ts';

export interface ScanOptions {
  json?: boolean;
  /** A passwd file; without it every name counts as a known local user. */
  passwd?: string;
  /** How people are called here. */
  names?: UserNameSettings;
  /** Directories of packs beside our own. */
  rules?: string[];
  /** Where the answer and the messages go. */
  stdout?: NodeJS.WritableStream;
  stderr?: NodeJS.WritableStream & { isTTY?: boolean };
  /** Thresholds; those of a configuration that says nothing, when left out. */
  limits?: Parameters<typeof replay>[1]['limits'];
  now?: () => number;
}

// A second thread takes some 40 ms to start: below this it would come too late.
const WORTH_SHARING = 48 << 20;
const DAY = 86_400_000;

/** The defaults of `detect:` in readmit.yaml, which is not read here; a test holds the two together. */
export const USUAL_LIMITS = {
  window: 600,
  unknownThreshold: 10,
  serviceUsers: 5,
  serviceWindow: 60,
  addressNames: 5,
  sharedAddresses: [],
  maxClusters: 10_000,
};

/**
 * Scans the files and prints what they hold. The exit code: 0 done, 1 the answer could not be written, 2 a file that can't
 * be read or a rule that is wrong.
 * @param files paths; `-` is standard input; gzip is seen by its first bytes
 */
export async function scan(files: readonly string[], options: ScanOptions = {}): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr } = options;
  try {
    if (!files.length) throw new Usage('scan: name at least one file, or - for standard input');
    const now = (options.now ?? Date.now)();
    const accounts = options.passwd === undefined ? null : readPasswd(options.passwd);
    const { names = USUAL_NAMES } = options;
    const { rules, events } = await compiledPacks([ownRules(), ...(options.rules ?? [])], names);
    const inputs = files.map(file => findInput(file, now));
    const compiled = compileRules(rules, userNames(names));
    const counter = new Counter(new LineParser(rules, { names: userNames(names), compiled }), now + DAY);
    const progress = progressOn(stderr, inputs);
    const bytes = await countAll(counter, inputs, { rules, names, compiled, latest: now + DAY }, progress);
    progress.done();
    const incidents = replay(counter, {
      limits: options.limits ?? USUAL_LIMITS,
      events,
      account: accounts,
      from: Math.min(...inputs.map(input => input.from)),
      until: Math.max(...inputs.map(input => input.until)),
    });
    const result = scanResult(counter, bytes, incidents);
    return await writeAll(options.json ? scanJson(result) : [scanText(result)], stdout, stderr);
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    stderr.write(`${error.message}\n`);
    return 2;
  }
}

type Progress = (bytes: number) => void;

/** Plain files first, shared by two threads when they are large; then the streams. The number of bytes. */
async function countAll(
  counter: Counter,
  inputs: readonly Input[],
  share: Omit<Share, 'files' | 'next'>,
  progress: Progress,
): Promise<number> {
  let offset = 0;
  const plain: PlainFile[] = [];
  for (const input of inputs) {
    if (input.kind !== 'plain') continue;
    plain.push({ fd: input.open(), size: input.size, offset });
    offset += input.size;
  }
  await countPlain(
    counter,
    { ...share, files: plain, next: new Int32Array(new SharedArrayBuffer(8)) },
    offset,
    progress,
  );
  for (const { fd } of plain) closeSync(fd);
  for (const input of inputs) if (input.kind !== 'plain') offset += await stream(counter, input, offset, progress);
  return offset;
}

async function countPlain(counter: Counter, share: Share, size: number, progress: Progress): Promise<void> {
  const shared = size >= WORTH_SHARING && availableParallelism() > 1;
  const worker = shared
    ? new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { workerData: share })
    : null;
  const counted = worker ? (once(worker, 'message') as Promise<[Counts]>) : null;
  const pieces = share.files.reduce((n, file) => n + piecesOf(file), 0);
  countShare(counter, share, done => progress((done / pieces) * size));
  if (counted) counter.add((await counted)[0]);
}

async function stream(counter: Counter, input: Input, offset: number, progress: Progress): Promise<number> {
  const fd = input.open();
  const raw = createReadStream('', { fd, highWaterMark: 1 << 18, autoClose: fd !== 0 });
  try {
    return await countStream(counter, unpacked(raw), offset, progress);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    throw new Usage(`${input.name}: ${code.startsWith('Z_') ? `broken gzip (${(error as Error).message})` : code}`);
  }
}

/** The stream as it is, or what gzip packed into it: its first two bytes tell. */
async function* unpacked(raw: Readable): AsyncGenerator<Buffer> {
  const chunks = raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  const whole = (async function* () {
    if (head.length) yield head;
    for (;;) {
      const { value, done } = await chunks.next();
      if (done) return;
      yield value;
    }
  })();
  if (head[0] !== 0x1f || head[1] !== 0x8b) return yield* whole;
  const packed = Readable.from(whole);
  const plain = createGunzip({ chunkSize: 1 << 18 });
  packed.on('error', error => plain.destroy(error));
  yield* packed.pipe(plain);
}

/** What a name is by a passwd file: people have uids of 1000 and more. */
function readPasswd(file: string): (name: string) => Account {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Usage(`${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
  const uids = new Map(
    text
      .split('\n')
      .map(line => line.split(':'))
      .map(parts => [parts[0]!, Number(parts[2])]),
  );
  return name => {
    const uid = uids.get(name);
    return uid === undefined || Number.isNaN(uid) ? 'unknown' : uid >= 1000 && uid < 65534 ? 'user' : 'system';
  };
}

/** On a terminal: how much is read, how fast, and what is left. Nowhere else. */
function progressOn(stderr: NonNullable<ScanOptions['stderr']>, inputs: readonly Input[]): Progress & { done(): void } {
  const size = inputs.every(input => input.kind === 'plain') ? inputs.reduce((n, input) => n + input.size, 0) : 0;
  const started = performance.now();
  let said = started;
  const progress = (bytes: number): void => {
    const now = performance.now();
    if (!stderr.isTTY || now - said < 200) return;
    said = now;
    const rate = bytes / ((now - started) / 1000);
    const left = size ? `, ${Math.ceil((size - bytes) / rate)} s left` : '';
    const text = `${(bytes / 1e6).toFixed(0)} MB, ${(rate / 1e6).toFixed(0)} MB/s${left}`;
    // This thread does not return to its event loop while it counts, so the terminal is written to directly.
    if (stderr === process.stderr) writeSync(2, `\r${text}\x1b[K`);
    else stderr.write(`\r${text}\x1b[K`);
  };
  return Object.assign(progress, { done: () => void (said > started && stderr.write('\r\x1b[K')) });
}

/**
 * Writes all of the text: the process may exit right after. A reader that has gone away (`| head`) is no error; of a full
 * disk it is said that the answer is not whole. @returns the exit code
 */
export async function writeAll(
  pieces: Iterable<string>,
  to: NodeJS.WritableStream = process.stdout,
  stderr: NodeJS.WritableStream = process.stderr,
): Promise<0 | 1> {
  // Kept to the end: what was written before it went can fail later than its own callback.
  let broken: NodeJS.ErrnoException | null = null;
  const noted = (error?: Error | null): void => {
    broken ??= error ?? null;
  };
  to.on('error', noted);
  for (const piece of pieces) {
    await new Promise<void>(resolve =>
      to.write(piece, error => {
        noted(error);
        resolve();
      }),
    );
    if (!broken) continue;
    const { code, message } = broken as NodeJS.ErrnoException;
    if (code === 'EPIPE') return 0;
    stderr.write(
      `readmit: scan: the answer can't be written to standard output (${code ?? message}): it is not whole\n`,
    );
    return 1;
  }
  return 0;
}
