/**
 * Joins watch, the parser and the way to serve: from bytes in files to batches that are sent, acknowledged, remembered.
 * With serve or Redis away it reads on into a bounded spool and then stops: the lines are safe where they lie.
 */

import type { z } from 'zod';
import type { RunCommand } from '../command.ts';
import { type Config, inState } from '../config/config.ts';
import type { ParseChunk } from '../incident.ts';
import type { Logger } from '../log.ts';
import type { AgentMessage, Batch, SourceHealth as SourceHealthSchema } from '../messages.ts';
import { inAnyCase } from '../names.ts';
import { stripped } from '../refused-batch.ts';
import { redact } from '../rules/redact.ts';
import { LONGEST } from '../tally-pack.ts';
import { Accounts, whoIsPerson } from '../watch/accounts.ts';
import { descriptorLimit, Mounts } from '../watch/disk.ts';
import type { Draft } from '../watch/draft.ts';
import { Homes } from '../watch/homes.ts';
import { PasswdFile } from '../watch/passwd.ts';
import { Checkpoint } from '../watch/position.ts';
import type { Tail } from '../watch/tail.ts';
import { type Committed, Tailer } from '../watch/tailer.ts';
import { Waker } from '../watch/wake.ts';
import { Followed } from './followed.ts';

export interface FeedParts {
  config: Config;
  parse: ParseChunk;
  run: RunCommand;
  /** Wall milliseconds. */
  now: () => number;
  log: Logger;
  /** Rejects when it can't be handed over now; then it is tried again. */
  send(batch: Batch): Promise<void>;
  /** Asks serve for its positions; called every few seconds while they are waited for. */
  hello?: () => void;
  /** Milliseconds that only go forward. */
  steady?: () => number;
}

type SourceHealth = z.infer<typeof SourceHealthSchema>;
type Refusal = Omit<Extract<AgentMessage, { name: 'refused' }>['data'], 'v'>;

/** What the agent tells about its reading. `spooled`: batches serve has not committed; `refused`: logs not read. */
export interface FeedHealth {
  sources: SourceHealth[];
  files: number;
  spooled: number;
  refused: number;
}

const TICK_MS = 100;
const HELLO_MS = 5000;
const HOMES_MS = 2000;
const MOUNTS_MS = 10_000;
const TRIM_MS = 10_000;
const RETRY_SEND_MS = 500;
/** So long health says that serve refused something: an alarm waits ten seconds, and looks every two. */
const REFUSED_MS = 60_000;
/** Between two writes of the position file so many times what the last one took, but never longer than this. */
const RECORD_SHARE = 4;
const LONGEST_PAUSE_MS = 500;
/** Parts of a large batch that are on their way to the queue together. */
const SENT_AT_ONCE = 4;
/** Open files: a quarter of what the system allows us, since sockets and watches need theirs. */
const SHARE_OF_LIMIT = 4;
const MOST_OPEN = 1024;

/** Reads the logs of this host. `start` returns at once; it waits for serve's positions only without a good checkpoint. */
export class Feed {
  #p: Required<FeedParts>;
  #tailer: Tailer;
  #checkpoint: Checkpoint;
  #waker: Waker;
  #passwd: PasswdFile;
  #accounts: Accounts;
  #homes: Homes;
  #mounts = new Mounts();
  #followed: Followed | null = null;
  #timers: NodeJS.Timeout[] = [];
  #state: 'waiting' | 'reading' | 'stopped' = 'waiting';
  #positions: Committed[] | null = null;
  /** Sources whose batch is on its way to the queue. */
  #sending = new Set<string>();
  #recording: 'no' | 'yes' = 'no';
  #recordAt = Number.NEGATIVE_INFINITY;
  #which: 'moved' | 'all' = 'moved';
  #said = new Map<string, string>();
  /** Logs of which serve refused something lately, and what it said. */
  #refused = new Map<string, { why: string; until: number }>();
  #problem: string | null = null;

  constructor(parts: FeedParts) {
    this.#p = { hello: () => {}, steady: () => performance.now(), ...parts };
    const { config, run, parse, now, log, steady } = this.#p;
    const { watch, paths, userNames } = config;
    const file = inState(config, 'agent', 'positions.json');
    this.#checkpoint = new Checkpoint({ file, steady, alarm: problem => this.#alarm(problem) });
    this.#tailer = new Tailer({
      host: config.host,
      parse,
      redact,
      now,
      steady,
      checkpoint: this.#checkpoint,
      maxLine: watch.maxLine,
      spool: watch.spool,
      descriptors: Math.min(MOST_OPEN, Math.floor(descriptorLimit() / SHARE_OF_LIMIT)),
      lost: (path, bytes, why) => log.error({ path, bytes, why }, 'lines lost'),
    });
    this.#waker = new Waker({
      poll: tail => this.#poll(tail),
      after: () => this.#pump(),
      sweepMs: watch.sweep * 1000,
      idleSweepMs: Math.max(watch.sweep, watch.idleSweep) * 1000,
      steady,
      trouble: error => log.warn({ reason: error.message }, 'watching: trouble'),
    });
    this.#passwd = new PasswdFile(paths.passwd, steady);
    const names = inAnyCase(userNames);
    this.#accounts = new Accounts({
      passwd: this.#passwd,
      run,
      names,
      people: whoIsPerson(config),
      steady,
      listed: name => this.#homes.person(name),
    });
    this.#homes = new Homes({
      passwd: this.#passwd,
      run,
      names,
      minUid: watch.minUid,
      pattern: watch.homePattern,
      steady,
    });
  }

  /** Starts reading where the checkpoint says; without a good one, as soon as serve has said where it stands. */
  async start(): Promise<void> {
    const { state, records } = await this.#checkpoint.load();
    this.#tailer.restore(records);
    this.#every(TICK_MS, () => this.#tick());
    if (state === 'good') this.#begin();
    else if (this.#positions) this.#begin();
    else this.#every(HELLO_MS, () => this.#state === 'waiting' && this.#p.hello());
  }

  /** Stops reading and leaves a right checkpoint. What serve has not committed is read again at the next start. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    for (const timer of this.#timers) clearInterval(timer);
    await this.#waker.stop();
    await this.#checkpoint.save();
    for (const tail of this.#tailer.tails.values()) tail.close();
  }

  /** Serve has committed `committed` bytes of this source: the answer to a batch, whatever became of it. */
  onAck(source: string, committed: number): void {
    if (this.#state === 'stopped') return;
    const tail = this.#tailer.ack(source, committed);
    if (!tail) return;
    this.#pump();
    // What was paused may go on, and what was read to its end may be closed.
    if (tail.behind === 'yes' || tail.sources.length > 1) this.#waker.wake(tail);
  }

  /** Serve can't take this batch: what fits of it is sent, and health says so. */
  onRefused({ source, from, to, stripped, reason }: Refusal): void {
    if (this.#state === 'stopped') return;
    const tail = this.#tailer.refused(source, from, to, stripped ? 'stripped' : 'whole');
    if (!tail) return;
    const { path } = tail.place;
    const why = `bytes ${from} to ${to} were refused (${reason}): only what fits of them is counted`;
    this.#refused.set(path, { why, until: this.#p.steady() + REFUSED_MS });
    this.#p.log.error({ path, from, to, reason }, 'batch refused');
    this.#pump();
  }

  /** What serve has committed of every source of this host: the truth where the checkpoint says otherwise. */
  onPositions(list: readonly Committed[]): void {
    if (this.#state === 'stopped') return;
    this.#positions = [...list];
    this.#tailer.positions(list);
    if (this.#state === 'reading') for (const tail of this.#tailer.tails.values()) this.#waker.wake(tail);
    else if (this.#timers.length > 0) this.#begin();
  }

  health(): FeedHealth {
    const { tails, spooled } = this.#tailer;
    const sources: SourceHealth[] = [];
    let files = 0;
    let refused = 0;
    for (const tail of tails.values()) {
      if (tail.live) files++;
      const [state, why] = this.#stateOf(tail);
      if (state === 'refused' || state === 'unreadable') refused++;
      const quiet = state === 'ok' || state === 'missing';
      if (tail !== this.#followed?.server && (quiet || sources.length >= 499)) continue;
      sources.push({ path: tail.place.path, kind: tail.place.kind, state, why, lag: tail.lag });
    }
    if (this.#problem !== null) {
      const path = inState(this.#p.config, 'agent', 'positions.json');
      sources.push({ path, kind: 'server', state: 'unreadable', why: this.#problem, lag: 0 });
    }
    return { sources, files, spooled, refused };
  }

  #stateOf(tail: Tail): [SourceHealth['state'], string] {
    if (this.#state === 'waiting') return ['catching-up', 'waiting for the positions that serve has'];
    if (tail.refusal) return [tail.refusal.state, tail.refusal.why];
    const refused = this.#refused.get(tail.place.path);
    if (refused && this.#p.steady() < refused.until) return ['unreadable', refused.why];
    return [tail.behind === 'yes' ? 'catching-up' : 'ok', ''];
  }

  // ------------------------------------------------------------ the parts in motion

  #begin(): void {
    this.#state = 'reading';
    const { watch } = this.#p.config;
    this.#waker.start();
    const followed = new Followed({
      config: this.#p.config,
      homes: this.#homes,
      mounts: this.#mounts,
      tailer: this.#tailer,
      waker: this.#waker,
      left: path => {
        this.#said.delete(path);
        this.#refused.delete(path);
      },
    });
    this.#followed = followed;
    this.#every(MOUNTS_MS, () => followed.lookAtMounts());
    if (watch.homes) {
      const readHomes = (): void => void followed.readHomes(() => this.#state === 'reading');
      readHomes();
      this.#every(HOMES_MS, readHomes);
    }
    this.#every(TRIM_MS, () => this.#tailer.trim());
  }

  #every(ms: number, what: () => unknown): void {
    this.#timers.push(setInterval(what, ms));
  }

  #tick(): void {
    this.#which = 'all';
    this.#pump();
    void this.#checkpoint.saveLazily();
  }

  async #poll(tail: Tail): ReturnType<Tailer['poll']> {
    const turn = await this.#tailer.poll(tail);
    const { refusal } = tail;
    const { path } = tail.place;
    const why = refusal && (refusal.state !== 'missing' || tail === this.#followed?.server) ? refusal.why : '';
    if (why !== (this.#said.get(path) ?? '')) {
      if (why) this.#said.set(path, why);
      else this.#said.delete(path);
      if (refusal && why) this.#p.log.warn({ path, state: refusal.state, why }, 'log is not read');
      else this.#p.log.info({ path }, 'log is read again');
    }
    return turn;
  }

  /** Sends what is due. */
  #pump(): void {
    if (this.#state !== 'reading') return;
    this.#record();
    const which = this.#which;
    this.#which = 'moved';
    // An answer can be here before the queue's own word that it has the batch: the next one waits for that.
    for (const draft of this.#tailer.outgoing(which, this.#sending)) void this.#send(draft);
  }

  /**
   * New sources go to disk before they are spoken of, beside what is sent of others. The file is written whole: where
   * thousands are new at once, most of the time must be left for reading them.
   */
  #record(): void {
    const { steady } = this.#p;
    const started = steady();
    if (this.#recording !== 'no' || started < this.#recordAt || !this.#tailer.unrecorded) return;
    this.#recording = 'yes';
    void this.#tailer.record().finally(() => {
      this.#recording = 'no';
      this.#recordAt = steady() + Math.min(LONGEST_PAUSE_MS, RECORD_SHARE * (steady() - started));
      this.#pump();
    });
  }

  async #send(draft: Draft): Promise<void> {
    const { id } = draft.batch.source;
    this.#sending.add(id);
    try {
      const known = this.#accounts.of(new Set(draft.merge.users.filter(name => name !== null)));
      const accounts = known instanceof Map ? known : await known;
      // A path can carry a token behind its question mark; it never leaves this host.
      const shown = redacted();
      let under: Promise<void>[] = [];
      for (const part of draft.parts()) {
        for (const tally of part.tallies) {
          tally.account = (tally.user !== null && accounts.get(tally.user)) || 'unknown';
          tally.endpoint = shown(tally.endpoint);
          for (const share of tally.endpoints ?? []) share[0] = shown(share[0]);
        }
        under.push(this.#p.send(draft.goes === 'all' ? part : stripped(part)));
        if (under.length < SENT_AT_ONCE) continue;
        await Promise.all(under);
        under = [];
      }
      await Promise.all(under);
      draft.sentAt = this.#p.steady();
    } catch (error) {
      this.#p.log.debug({ reason: (error as Error).message }, 'batch not sent');
      this.#tailer.unsent(id, RETRY_SEND_MS);
    } finally {
      this.#sending.delete(id);
      this.#pump();
    }
  }

  #alarm(problem: string | null): void {
    // A damaged file is told of once; one that can't be written stays a problem until it can.
    this.#problem = problem;
    if (problem) this.#p.log.error({ problem }, 'position file');
    else this.#p.log.info('position file is written again');
  }
}

/** Redacts each text once; what that made too long is cut. */
function redacted(): (text: string | null) => string | null {
  const known = new Map<string, string>();
  return text => {
    if (text === null) return null;
    const shown = known.get(text) ?? redact(text).slice(0, LONGEST.endpoint);
    known.set(text, shown);
    return shown;
  };
}

/** @see Feed */
export const makeFeed = (parts: FeedParts): Feed => new Feed(parts);
