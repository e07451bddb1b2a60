/**
 * The ground a probe stands on: every way it can ask the world, as parameters. `effects.ts` makes the real one; a test
 * makes one over a temporary directory. Nothing here can change anything.
 */
import type { CommandResult, RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import type { Fact, FactValue } from '../diagnosis.ts';
import type { ParseChunk } from '../incident.ts';
import type { System } from './system.ts';

/** A file as it was read: at most the ground's limit of it. */
export interface TextFile {
  text: string;
  /** Epoch milliseconds. */
  mtime: number;
}

/** With the bytes it was read from: they are what is hashed and patched, whatever the text makes of them. */
export interface WholeFile extends TextFile {
  bytes: Buffer;
}

export interface Answer {
  status: number;
  body: string;
  /** The `Date` the server answered, epoch milliseconds; null when it sent none. */
  date: number | null;
}

/** Why no answer came. `refused`: nobody listens. `silent`: no answer in time. `unreachable`: no way there. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
  readonly kind: 'refused' | 'silent' | 'unreachable' | 'broken';
  constructor(kind: 'refused' | 'silent' | 'unreachable' | 'broken', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What the executor is asked for, because it needs rights that a probe does not have. */
interface Question {
  probe: 'shadow';
  user: string;
}

/** Facts about lock and expiry, never the hash: what the executor's `shadow` request answers. */
interface ShadowAnswer {
  entry: 'there' | 'missing';
  password: 'usable' | 'locked' | 'empty' | 'expired' | null;
  account: 'valid' | 'expired' | null;
  source: string;
}

/** What the directory itself has of some groups and of one person. */
export interface DirectoryAnswer {
  groups: { name: string; dn: string; gid: number | null }[];
  /** The person's own entry, and the groups that have them as a member; null: no person was asked about. */
  person: { entry: { dn: string; uid: number | null } | null; memberOf: string[] } | null;
}

export interface Ground {
  config: Config;
  /** Asks the site's directory over LDAP; null: none is configured. */
  directory: ((question: { user: string | null; groups: string[] }) => Promise<DirectoryAnswer>) | null;
  system: System;
  run: RunCommand;
  /** null: no such file. Rejects when it is there and can't be read. */
  read(path: string): Promise<WholeFile | null>;
  /** When a file last changed, epoch ms; null: no such file. Needs no right to read it. */
  changed(path: string): Promise<number | null>;
  /** Names in a directory; null: no such directory. */
  list(path: string): Promise<string[] | null>;
  /** A file below a home directory, opened without following links. `tail`: only the last 64 KiB. */
  readHome(home: { path: string; uid: number }, below: string, tail?: boolean): Promise<TextFile | null>;
  /** @throws NoAnswer */
  http(url: string, headers?: Record<string, string>): Promise<Answer>;
  now(): number;
  /** Facts only the executor can take. Rejects where there is none. */
  ask(question: Question): Promise<ShadowAnswer>;
  /** The pack's parser, for the last lines of a client log; null: the client log is not asked. */
  parse: ParseChunk | null;
}

/** Whom a probe is asked about. `user: null`: only facts about the service are wanted. */
interface Subject {
  user: string | null;
}

/** One family of facts. */
export interface Probe {
  name: string;
  facts: readonly string[];
  /** Has nothing to say without a user. */
  needsUser: boolean;
  run(subject: Subject, ground: Ground): Promise<Fact[]>;
}

/** Makes the facts of one probe run, all with the same clock. */
export const factMaker = (ground: Pick<Ground, 'now'>) => {
  const at = (): string => new Date(ground.now()).toISOString();
  return {
    known: (fact: string, value: FactValue, source: string): Fact => ({ fact, value, known: true, source, at: at() }),
    unknown: (fact: string, because: string): Fact => ({ fact, value: null, known: false, source: because, at: at() }),
  };
};

/** A ground that asks each thing once, however many probes want it. One per collection, so nothing gets old in it. */
export function sharedGround(ground: Ground): Ground {
  const memo = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, make: () => Promise<T>): Promise<T> => {
    const there = memo.get(key);
    if (there) return there as Promise<T>;
    const made = make();
    made.catch(() => {});
    memo.set(key, made);
    return made;
  };
  return {
    ...ground,
    run: (argv, options) => once(`run\0${argv.join('\0')}`, () => ground.run(argv, options)),
    read: path => once(`read\0${path}`, () => ground.read(path)),
    changed: path => once(`changed\0${path}`, () => ground.changed(path)),
    list: path => once(`list\0${path}`, () => ground.list(path)),
    readHome: (home, below, tail) =>
      once(`home\0${home.path}\0${below}\0${tail}`, () => ground.readHome(home, below, tail)),
    http: (url, headers) => once(`http\0${url}\0${JSON.stringify(headers ?? {})}`, () => ground.http(url, headers)),
    ask: question => once(`ask\0${question.probe}\0${question.user}`, () => ground.ask(question)),
  };
}

/** How a person would type a command that ran. */
const typed = (argv: readonly string[]): string => argv.join(' ');

/** Why a command gave no answer, in words. */
export const failure = (result: CommandResult, argv: readonly string[]): string =>
  result.timedOut
    ? `${typed(argv)}: no answer in time`
    : `${typed(argv)}: exit ${result.code ?? result.signal}${result.stderr.trim() ? `: ${result.stderr.trim().split('\n')[0]!.slice(0, 200)}` : ''}`;

export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 300);
