/**
 * BullMQ, the doorbell between processes: one queue to `serve`, one to each host's agent. Every connection has its error
 * listener; a Redis that is away is waited for, never fatal. What arrives is parsed by the schema of its name.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause, setImmediate as yieldNow } from 'node:timers/promises';
import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { z } from 'zod';
import type { Config } from '../config/config.ts';
import type { ToAgent, ToServe } from '../messages.ts';

const PREFIX = '{readmit}';
const ROOM_LOOK_MS = 20;
export const SERVE_QUEUE = 'serve';
export const hostQueue = (host: string): string => `host-${host}`;

/** One connection to the configured Redis. `forever` waits for it without end, as a worker must. */
export function connect(config: Config['redis'], onError: (error: Error) => void, forever = true): Redis {
  const options: RedisOptions = {
    maxRetriesPerRequest: forever ? null : 1,
    retryStrategy: attempt => Math.min(1000, 20 * 2 ** Math.min(attempt, 6)),
    enableOfflineQueue: forever,
    // For a connection that never came to be it waits that long for an end that can't come, and keeps the program alive.
    ...(forever ? {} : { disconnectTimeout: 50 }),
    ...(config.username ? { username: config.username } : {}),
    ...(config.passwordFile ? { password: readFileSync(config.passwordFile, 'utf8').trim() } : {}),
  };
  const redis = config.url ? new Redis(config.url, options) : new Redis({ path: config.socket!, ...options });
  redis.on('error', onError);
  return redis;
}

export interface RedisFault {
  what: string;
  todo: string;
}

/** How this server can lose jobs or be reached by others. A server that does not let itself be asked has none that we know of. */
export async function redisFaults(redis: Redis, config: Pick<Config['redis'], 'socket'>): Promise<RedisFault[]> {
  const get = async (key: string): Promise<string> => ((await redis.config('GET', key)) as string[])[1] ?? '';
  const [policy, aof, port] = [await get('maxmemory-policy'), await get('appendonly'), await get('port')];
  return [
    ...(policy && policy !== 'noeviction'
      ? [{ what: `maxmemory-policy is ${policy}: jobs can vanish`, todo: 'set it to noeviction' }]
      : []),
    ...(aof && aof !== 'yes' ? [{ what: 'appendonly is off: a crash loses jobs', todo: 'set appendonly yes' }] : []),
    ...(config.socket && port && port !== '0'
      ? [{ what: `it also listens on TCP port ${port}: every local user can reach it`, todo: 'set port 0' }]
      : []),
  ];
}

type Schemas = typeof ToServe | typeof ToAgent;
type MessageOf<S extends Schemas> = {
  [K in keyof S & string]: { name: K; data: S[K] extends z.ZodType ? z.infer<S[K]> : never };
}[keyof S & string];

/** The sending end. `send` rejects at once while Redis is away, so that the caller keeps what it has. */
export class Sender<S extends Schemas> {
  readonly #queue: Queue;
  readonly #redis: Redis;

  constructor(config: Config['redis'], queue: string, onError: (error: Error) => void) {
    this.#redis = connect(config, onError, false);
    this.#queue = new Queue(queue, {
      prefix: PREFIX,
      connection: this.#redis as never,
      defaultJobOptions: {
        removeOnComplete: true,
        removeOnFail: 100,
        attempts: 3,
        backoff: { type: 'fixed', delay: 200 },
      },
      skipVersionCheck: true,
      skipMetasUpdate: true,
    } as never);
    this.#queue.on('error', onError);
  }

  get up(): boolean {
    return this.#redis.status === 'ready';
  }

  onUp(listener: () => void): void {
    this.#redis.on('ready', listener);
  }

  /** What is unsafe about the server at the other end. */
  faults(config: Pick<Config['redis'], 'socket'>): Promise<RedisFault[]> {
    return redisFaults(this.#redis, config);
  }

  /** @param when `later`: everything else that waits goes first */
  async send(message: MessageOf<S>, when: 'in turn' | 'later' = 'in turn'): Promise<void> {
    await this.#queue.add(message.name, message.data, when === 'later' ? { priority: 1 } : {});
  }

  async depth(): Promise<number> {
    const { waiting = 0, prioritized = 0 } = await this.#queue.getJobCounts('waiting', 'prioritized');
    return waiting + prioritized;
  }

  /** Resolves when no more than so many messages wait at the other end. @throws Error while Redis is away */
  async room(most: number): Promise<void> {
    while ((await this.depth()) > most) await pause(ROOM_LOOK_MS);
  }

  async close(): Promise<void> {
    await this.#queue.close().catch(() => {});
    this.#redis.disconnect();
  }
}

/** @returns how many answers this connection waits for; `came` is called after each */
function watched(redis: Redis, came: () => void): () => number {
  let owed = 0;
  const send = redis.sendCommand.bind(redis);
  const answered = (): void => {
    owed--;
    came();
  };
  redis.sendCommand = (command, stream) => {
    owed++;
    command.promise.then(answered, answered);
    return send(command, stream);
  };
  return () => owed;
}

export interface Inbox {
  /** Resolves when no message is being fetched, handled or reported on. What comes after that is not waited for. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

/** The receiving end: parses each message and hands it on. A message that does not fit fails for good, with its reason. */
export function receive<S extends Schemas>(
  config: Config['redis'],
  queue: string,
  schemas: S,
  handle: (message: MessageOf<S>) => Promise<void>,
  options: {
    concurrency: number;
    onError: (error: Error) => void;
    /** Is told of each message that does not fit, with what arrived in its place. */
    onRefused: (name: string, reason: string, data: unknown) => void;
  },
): Inbox {
  const redis = connect(config, options.onError);
  let handling = 0;
  const waiting: (() => void)[] = [];
  const moved = (): void => {
    for (const look of waiting.splice(0)) look();
  };
  const owed = watched(redis, moved);
  const worker = new Worker(
    queue,
    async (job: Job) => {
      const schema = (schemas as Record<string, z.ZodType | undefined>)[job.name];
      const parsed = schema?.safeParse(job.data);
      if (!parsed?.success) {
        const reason = schema
          ? `${parsed!.error!.issues[0]?.path.join('.') ?? ''}: ${parsed!.error!.issues[0]?.message ?? ''}`
          : 'no such message';
        options.onRefused(job.name, reason, job.data);
        throw new UnrecoverableError(`refused: ${reason}`);
      }
      handling++;
      try {
        await handle({ name: job.name, data: parsed.data } as MessageOf<S>);
      } finally {
        handling--;
        moved();
      }
    },
    {
      prefix: PREFIX,
      connection: redis as never,
      concurrency: options.concurrency,
      lockDuration: 60_000,
      stalledInterval: 15_000,
      maxStalledCount: 10,
      drainDelay: 5,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 100 },
      skipVersionCheck: true,
    } as never,
  );
  worker.on('error', options.onError);
  worker.on('failed', (_job, error) => options.onError(error));
  const untilQuiet = async (): Promise<void> => {
    // What the wire has brought is read first.
    await yieldNow();
    while (handling > 0 || owed() > 0) {
      await new Promise<void>(look => waiting.push(look));
      await yieldNow();
    }
  };
  let quiet: Promise<void> | null = null;
  return {
    quiet: () => {
      quiet ??= untilQuiet().finally(() => {
        quiet = null;
      });
      return quiet;
    },
    close: async () => {
      await worker.close(true).catch(() => {});
      redis.disconnect();
    },
  };
}
