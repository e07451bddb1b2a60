/**
 * The second thread of a scan: takes the next piece of the input that nobody has taken, until there is none, and hands
 * over what it counted.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type UserNameSettings, userNames } from '../../names.ts';
import { LineParser } from '../../rules/parser.ts';
import type { Rule } from '../../rules/rule.ts';
import type { Compiled } from '../../rules/search.ts';
import { Counter } from './count.ts';
import { countShare, type PlainFile } from './input.ts';

export interface Share {
  rules: Rule[];
  names: UserNameSettings;
  compiled: Compiled;
  files: PlainFile[];
  /** [next piece, pieces done], shared by the threads. */
  next: Int32Array<SharedArrayBuffer>;
  latest: number;
}

const share = workerData as Share;
const names = userNames(share.names);
const counter = new Counter(new LineParser(share.rules, { names, compiled: share.compiled }), share.latest);
countShare(counter, share, () => {});
const counts = counter.result();
const { denials, seen, moments, first, last } = counts;
parentPort!.postMessage(counts, [
  denials.buffer,
  seen.buffer,
  moments.buffer,
  first.buffer,
  last.buffer,
] as ArrayBuffer[]);
