/**
 * `readmit agent`: reads the logs of this host, answers questions about it, and hands orders to the executor. It may not
 * change anything itself. One straight line: each part is started, then the way to stop it is noted.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { commandRunner, inTurns } from '../command.ts';
import type { Config } from '../config/config.ts';
import { collect } from '../diagnose/collect.ts';
import { packDirs, realGround } from '../diagnose/effects.ts';
import type { Ground } from '../diagnose/ground.ts';
import { PROBES } from '../diagnose/probes.ts';
import { snapshot } from '../diagnose/snapshot.ts';
import type { Fact } from '../diagnosis.ts';
import { canonical } from '../digest.ts';
import { orderExecutor, type ShadowReply } from '../execute/client.ts';
import { Refused } from '../incident.ts';
import { type Logger, quietly } from '../log.ts';
import {
  type AgentMessage,
  type Batch,
  type CanaryResult,
  type Order,
  type ServeMessage,
  type Snapshot,
  ToAgent,
  type ToServe,
} from '../messages.ts';
import { userNames } from '../names.ts';
import type { Outcome } from '../plan.ts';
import { hostQueue, receive, SERVE_QUEUE, Sender } from '../queue/queues.ts';
import { letsIn } from '../remedy/access-model.ts';
import { type Drift, drift } from '../remedy/assumptions.ts';
import { loadPacks } from '../rules/pack.ts';
import { makeParser } from '../rules/parser.ts';
import { packed } from '../tally-pack.ts';
import { beAlone } from './alone.ts';
import { makeFeed } from './feed.ts';
import { Looking } from './looking.ts';
import { settle } from './settled.ts';
import { Teardown } from './teardown.ts';
import { type Verification, Verifying } from './verifying.ts';

const HEALTH_EVERY_MS = 5000;
/** The executor is asked more rarely than it waits before it leaves, so that it can. */
const EXECUTOR_EVERY_MS = 60_000;
const SNAPSHOT_EVERY_MS = 1000;
const PARTS_BETWEEN_LOOKS = 8;
const MOST_WAITING = 64;
/** How long what an order rests on may take to be asked, one try after the other. */
const PATIENCE_MS = [2500, 5000, 10_000];

export async function agent(config: Config, log: Logger, signal: AbortSignal): Promise<void> {
  const now = Date.now;
  const boot = randomUUID();
  const teardown = new Teardown();
  try {
    const alone = await beAlone(config);
    teardown.add('alone', () => alone.close());

    const sender = new Sender<typeof ToServe>(config.redis, SERVE_QUEUE, quietly(log, 'redis sender'));
    teardown.add('sender', () => sender.close());
    const send = (message: ServeMessage): Promise<void> => sender.send(message);

    const names = userNames(config.userNames);
    const rules = loadPacks(packDirs(config), names).flatMap(pack => pack.rules);
    const parse = makeParser(rules, names);
    const run = commandRunner(config.paths.commands);
    const executor = executorLine(config);
    const ground = realGround(config, { parse, ask: question => executor.shadow(question.user) });

    const hello = (): void => void send({ name: 'hello', data: { v: 1, host: config.host, boot } }).catch(() => {});
    // What comes in parts is long ago: a line that is written now does not wait for it.
    const sendBatch = async (data: Batch): Promise<void> => {
      // Nor do all parts of it wait in Redis at once, whatever is caught up on by however many hosts.
      if (data.part && data.part.n % PARTS_BETWEEN_LOOKS === 0) await sender.room(MOST_WAITING);
      if (data.part) await sender.send({ name: 'batch', data: packed(data) }, 'later');
      else await sender.send({ name: 'batch', data });
    };
    const feed = makeFeed({ config, parse, run, now, log, hello, send: sendBatch });
    teardown.add('feed', () => feed.stop());

    const work = new Work({ config, log, now, ground, send, executor });
    const inbox = receive(
      config.redis,
      hostQueue(config.host),
      ToAgent,
      async (message: AgentMessage) => {
        if (message.name === 'ack') return feed.onAck(message.data.source, message.data.committed);
        if (message.name === 'refused') return feed.onRefused(message.data);
        if (message.name === 'positions') return feed.onPositions(message.data.sources);
        await work.take(message);
      },
      {
        concurrency: 32,
        onError: quietly(log, 'redis receiver'),
        onRefused: (name, reason) => log.warn({ name, reason }, 'message refused'),
      },
    );
    teardown.add('inbox', () => inbox.close());

    sender.onUp(hello);
    await feed.start();

    const executorStatus = seldom(executor.status, EXECUTOR_EVERY_MS, now);
    const health = async (): Promise<void> => {
      const { sources, files, spooled, refused } = feed.health();
      await send({
        name: 'health',
        data: {
          v: 1,
          host: config.host,
          at: new Date(now()).toISOString(),
          sources: sources.slice(0, 500),
          files,
          spooled,
          refused,
          executor: await executorStatus(),
        },
      }).catch(() => {});
    };
    const healthTimer = setInterval(() => void health(), HEALTH_EVERY_MS);
    teardown.add('health', () => clearInterval(healthTimer));
    const watchGround = groundWatcher(
      config,
      () => snapshot(ground),
      s => send({ name: 'snapshot', data: s }),
    );
    const groundTimer = setInterval(
      () => void watchGround().catch(error => log.debug({ err: error }, 'snapshot failed')),
      SNAPSHOT_EVERY_MS,
    );
    teardown.add('ground', () => clearInterval(groundTimer));
    void health();
    void watchGround().catch(() => {});

    const settled = settle();
    teardown.add('settled', () => settled.stop());
    process.stdout.write('ready\n');
    await new Promise<void>(done =>
      signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true }),
    );
  } finally {
    await teardown.run(log);
  }
}

/** Asks at most so often; a bad answer is asked again at once. */
function seldom(ask: () => Promise<string>, everyMs: number, now: () => number): () => Promise<string> {
  let answer = '';
  let asked = Number.NEGATIVE_INFINITY;
  return async () => {
    if (answer !== 'ok' || now() - asked >= everyMs) {
      asked = now();
      answer = await ask();
    }
    return answer;
  };
}

/** Looks at the files every second and takes a snapshot when one changed, or a minute has passed; sends what is new. */
function groundWatcher(
  config: Config,
  take: () => Promise<Snapshot>,
  send: (s: Snapshot) => Promise<void>,
): () => Promise<void> {
  let stamps = '';
  let sent = '';
  let taken = 0;
  let busy = false;
  const stampOf = (file: string): string => {
    try {
      const { ino, mtimeMs, size } = statSync(file);
      return `${ino} ${mtimeMs} ${size}`;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'error';
    }
  };
  return async () => {
    const today = [config.scheduler.config, config.paths.group].map(stampOf).join('|');
    if (busy || (today === stamps && Date.now() - taken < 60_000)) return;
    busy = true;
    try {
      const s = await take();
      const what = canonical({ ...s, at: '' });
      if (what !== sent) await send(s);
      sent = what;
      stamps = today;
      taken = Date.now();
    } finally {
      busy = false;
    }
  };
}

/** What the agent asks its executor. Where there is none, that is the answer. */
export function executorLine(config: Config) {
  const { socket, enabled } = config.executor;
  const there = (): string => {
    if (!enabled) throw new Refused('observing only: executor.enabled is false');
    return socket;
  };
  return {
    shadow: async (user: string): Promise<ShadowReply> =>
      orderExecutor(there(), { v: 1, kind: 'shadow', user }, { timeoutMs: 1000 }),
    canary: async (user: string, since: number): Promise<CanaryResult> =>
      orderExecutor(there(), { v: 1, kind: 'canary', user, since }, { timeoutMs: 55_000 }),
    run: async (order: Order, onStarted: (at: string) => void): Promise<Outcome> =>
      orderExecutor(there(), order, { timeoutMs: 120_000, onStarted }),
    status: async (): Promise<string> => {
      try {
        const status = await orderExecutor(there(), { v: 1, kind: 'status' }, { timeoutMs: 2000 });
        return status.ok ? 'ok' : status.problem.slice(0, 200);
      } catch (error) {
        return (error as Error).message.slice(0, 200);
      }
    },
  };
}

/** A no to the order as such is its end: sent again, it would be the same no. Whatever broke on the way is tried again. */
function asOutcome(error: unknown): Outcome {
  if (!(error instanceof Refused)) throw error;
  return { result: 'refused', detail: error.message, steps: [] };
}

interface WorkParts {
  config: Config;
  log: Logger;
  now: () => number;
  ground: Ground;
  send(message: ServeMessage): Promise<void>;
  executor: ReturnType<typeof executorLine>;
}

type Job = Exclude<AgentMessage, { name: 'ack' | 'refused' | 'positions' }>;

/** The jobs that `serve` sends: questions, orders, verification. */
export class Work {
  readonly #p: WorkParts;

  readonly #looking: Looking;
  readonly #verifying: Verifying;
  /** For looks that may take their time. */
  readonly #unhurried: Ground;

  constructor(parts: WorkParts) {
    this.#p = parts;
    const { config, ground, log, now, send } = parts;
    this.#unhurried = { ...ground, run: inTurns(ground.run) };
    this.#looking = new Looking({
      ground: this.#unhurried,
      now,
      answer: async ({ request, user }, facts, seen) =>
        await send({ name: 'facts', data: { v: 1, host: config.host, request, user, facts, snapshot: seen } }),
      failed: error => log.debug({ reason: error.message }, 'facts could not be sent'),
    });
    this.#verifying = new Verifying(
      asked => this.#verify(asked),
      error => log.debug({ reason: error.message }, 'an incident could not be verified'),
    );
  }

  async take(job: Job): Promise<void> {
    switch (job.name) {
      case 'probe':
        return this.#looking.ask(job.data);
      case 'execute':
        return await this.#execute(job.data.order);
      case 'verify':
        return this.#verifying.ask(job.data);
      default:
        job satisfies never;
    }
  }

  /** The facts the plan rests on are taken again; only if they hold does the order go to the executor. */
  async #execute(order: Extract<Job, { name: 'execute' }>['data']['order']): Promise<void> {
    const { config, send, now, executor, log } = this.#p;
    let started = new Date(now()).toISOString();
    // An undo is of our own change, and a run that was begun is the executor's to judge: only a first look can be stale.
    const moved = order.what === 'plan' ? await this.#moved(order) : null;
    const outcome: Outcome = moved
      ? { result: 'stale', detail: moved, steps: [] }
      : await executor
          .run(order, at => {
            started = at;
          })
          .catch(asOutcome);
    log.info({ run: order.run, result: outcome.result }, 'order carried out');
    await send({
      name: 'outcome',
      data: { v: 1, host: config.host, run: order.run, incident: order.incident, started, outcome },
    });
  }

  /** What moved since the plan was made, in words. Asked only of what the plan rests on, so that a click is not kept waiting. */
  async #moved(order: Order): Promise<string | null> {
    const asked = Object.keys(order.assumes);
    const probes = Object.fromEntries(
      Object.entries(PROBES).filter(([, probe]) => probe.facts.some(fact => asked.includes(fact))),
    );
    let moved: Drift | null = null;
    // Votes are worth more than some seconds of patience with a busy machine.
    for (const limitMs of PATIENCE_MS) {
      const facts = await collect(order.subject?.user ?? null, this.#p.ground, [], { probes, limitMs });
      moved = drift(order, facts);
      if (!moved?.unasked) break;
    }
    return moved?.what ?? null;
  }

  /** State and access of everybody concerned; the canary only for those whom the access model lets in. */
  async #verify({ request, incident, users, canary, since }: Verification): Promise<void> {
    const { config, send, executor } = this.#p;
    const ground = this.#unhurried;
    const facts: Record<string, Fact[]> = {};
    for (let at = 0; at < users.length; at += 8)
      await Promise.all(
        users.slice(at, at + 8).map(async user => {
          facts[user] = await collect(user, ground, []);
        }),
      );
    if (!users.length) facts[''] = await collect(null, ground, []);
    const results: CanaryResult[] = [];
    const isIn = (list: Fact[] | undefined): boolean => list !== undefined && letsIn(list).verdict === 'in';
    for (const user of canary) {
      // One who can work is proof enough; a canary account is let in when those are whom it stands for.
      if (results.some(r => r.passed)) break;
      if (facts[user] ? isIn(facts[user]) : Object.values(facts).some(isIn))
        results.push(
          await executor.canary(user, since).catch(error => ({
            user,
            ran: false,
            passed: false,
            detail: (error as Error).message.slice(0, 1000),
            latencies: [],
          })),
        );
    }
    const alive = Object.values(facts).some(list =>
      list.some(f => f.fact === 'scheduler.health4' && f.known && f.value === 'healthy'),
    );
    await send({
      name: 'verified',
      data: { v: 1, host: config.host, request, incident, facts, canary: results, alive },
    });
  }
}
