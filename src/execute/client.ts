/**
 * The agent's side of the executor's socket: shows who it is by a file named after the executor's nonce, sends one
 * request, and reads the replies. Whatever breaks on the way is a Retry: an order may be sent again, it acts once.
 */
import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Refused, Retry } from '../incident.ts';
import type { CanaryResult, Order } from '../messages.ts';
import type { Outcome } from '../plan.ts';
import { Greeting, MAX_LINE, Reply, type Request, type ShadowReply, type StatusReply } from './order.ts';

export type { Request, ShadowReply };

export interface OrderOptions {
  /** For the whole exchange. A run may wait for a lock, a restart or a canary. Default 10 minutes. */
  timeoutMs?: number;
  /** For a run: its intent is on the executor's disk (ISO time). */
  onStarted?: (started: string) => void;
  signal?: AbortSignal;
}

export interface Answers {
  run: Outcome;
  shadow: ShadowReply;
  canary: CanaryResult;
  status: StatusReply;
}

/**
 * Asks the executor.
 * @throws Refused when it says no to the request as such; Retry when it can't be reached, is too slow, or goes away
 */
export function orderExecutor(socketPath: string, request: Order, options?: OrderOptions): Promise<Outcome>;
export function orderExecutor<R extends Request>(
  socketPath: string,
  request: R,
  options?: OrderOptions,
): Promise<Answers[R['kind']]>;
export async function orderExecutor(
  socketPath: string,
  request: Request,
  options: OrderOptions = {},
): Promise<Answers[keyof Answers]> {
  const { timeoutMs = 600_000, onStarted, signal } = options;
  let proof: string | null = null;
  const answer = new Promise<Answers[keyof Answers]>((resolve, reject) => {
    const socket = connect(socketPath);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(
      () => fail(new Retry(`the executor did not answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', () => fail(new Retry('given up')), { once: true });
    socket.on('error', error =>
      fail(
        new Retry(
          `the executor can't be reached at ${socketPath}: ${(error as NodeJS.ErrnoException).code ?? error.message}`,
        ),
      ),
    );
    socket.on('close', () => fail(new Retry('the executor went away without an answer')));
    eachLine(socket, fail, line => {
      if (proof === null) {
        proof = introduce(socketPath, Greeting.parse(JSON.parse(line)).nonce);
        socket.write(`${JSON.stringify({ proof: proof.slice(proof.lastIndexOf('/') + 1), ...request })}\n`);
        return;
      }
      const reply = Reply.parse(JSON.parse(line));
      if ('started' in reply) return onStarted?.(reply.started);
      clearTimeout(timer);
      socket.end();
      if ('refused' in reply) return reject(new Refused(reply.refused));
      if ('again' in reply) return reject(new Retry(reply.again));
      resolve(Object.values(reply)[0]!);
    });
  });
  try {
    return await answer;
  } finally {
    if (proof) tryUnlink(proof);
  }
}

/** Creates the file that shows our uid; returns its path. */
function introduce(socketPath: string, nonce: string): string {
  const file = join(dirname(socketPath), nonce);
  closeSync(openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600));
  return file;
}

function eachLine(socket: NodeJS.ReadableStream, fail: (error: Error) => void, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    try {
      if (rest.length > MAX_LINE) throw new Error('a line without end');
      for (const line of lines) take(line);
    } catch (error) {
      fail(new Retry(`what the executor said can't be understood: ${(error as Error).message.split('\n')[0]}`));
    }
  });
}

/** The executor takes it away; where it could not, we do. */
function tryUnlink(file: string): void {
  try {
    unlinkSync(file);
  } catch {}
}
