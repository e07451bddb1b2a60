/**
 * The one door through which Readmit starts another program: absolute path found in the configured command path, an
 * argv array, never a shell, an environment of two names, its own process group, a time limit after which the whole
 * group is killed, and bounded output.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NotFound } from './incident.ts';

export interface CommandResult {
  /** The absolute path and arguments that ran. */
  argv: string[];
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  ms: number;
}

export interface CommandOptions {
  timeoutMs?: number;
  /** Output kept of each stream; the rest is read and thrown away. */
  maxBytes?: number;
  input?: string;
  cwd?: string;
}

export type RunCommand = (argv: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

/** @throws NotFound when no directory of the command path holds it */
export function findCommand(name: string, path: readonly string[]): string {
  if (name.startsWith('/')) return name;
  if (name.includes('/')) throw new NotFound(`${name}: a command is a bare name or an absolute path`);
  for (const dir of path) {
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  throw new NotFound(`${name}: not in ${path.join(':')}`);
}

/** Makes the function that runs commands out of `path`. It rejects only when the command can't be started. */
export function commandRunner(path: readonly string[], defaults: CommandOptions = {}): RunCommand {
  return async (argv, options = {}) => {
    const { timeoutMs = 10_000, maxBytes = 1 << 20, input, cwd = '/' } = { ...defaults, ...options };
    const file = findCommand(argv[0]!, path);
    const started = performance.now();
    return await new Promise<CommandResult>((resolve, reject) => {
      const child = spawn(file, argv.slice(1), {
        cwd,
        env: { PATH: path.join(':'), LC_ALL: 'C' },
        detached: true,
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      });
      let timedOut = false;
      const killGroup = (): void => {
        try {
          process.kill(-child.pid!, 'SIGKILL');
        } catch {}
      };
      const timer = setTimeout(() => {
        timedOut = true;
        killGroup();
        // A grandchild that left the group may hold the pipes open: we are done with it either way.
        setTimeout(() => {
          child.stdout?.destroy();
          child.stderr?.destroy();
        }, 200).unref();
      }, timeoutMs);
      const keep = (stream: NodeJS.ReadableStream): (() => string) => {
        const chunks: Buffer[] = [];
        let size = 0;
        stream.on('data', (chunk: Buffer) => {
          if (size < maxBytes) chunks.push(chunk.subarray(0, maxBytes - size));
          size += chunk.length;
        });
        return () => Buffer.concat(chunks).toString('utf8');
      };
      const stdout = keep(child.stdout!);
      const stderr = keep(child.stderr!);
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
      child.on('error', error => {
        clearTimeout(timer);
        reject(error);
      });
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({
          argv: [file, ...argv.slice(1)],
          code,
          signal,
          stdout: stdout(),
          stderr: stderr(),
          timedOut,
          ms: performance.now() - started,
        });
      });
    });
  };
}

/**
 * The same, with one start in each turn of the event loop. To start a program stops this one for as long as its memory
 * is mapped anew, some milliseconds: whatever else is due gets its turn between one start and the next.
 */
export function inTurns(run: RunCommand): RunCommand {
  let last: Promise<unknown> = Promise.resolve();
  return async (argv, options) => {
    const mine = last.then(() => nextTurn());
    last = mine;
    await mine;
    return await run(argv, options);
  };
}
