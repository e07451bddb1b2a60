/**
 * Adds one group to a list in a YAML file by splicing a few bytes into the text, and nothing else: comments, layout,
 * quoting, line ends and every other byte stay. The plan is made with it, and the executor checks the plan with it.
 * Whatever could mean something else than it looks like (aliases, merge keys, odd layouts) is refused by name.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLSeq,
} from 'yaml';
import { Refused } from './incident.ts';
import { isGroupName } from './names.ts';

export type SpliceReason =
  | 'invalid-yaml'
  | 'too-large'
  | 'not-utf8'
  | 'multiple-documents'
  | 'duplicate-keys'
  | 'alias-bomb'
  | 'alias-on-path'
  | 'anchor-on-path'
  | 'merge-key'
  | 'no-such-list'
  | 'not-a-list'
  | 'odd-layout'
  | 'already-there'
  | 'bad-name'
  | 'moved';

/** The file can't be patched safely; `reason` says why, the message says it to a person. */
export class SpliceRefused extends Refused {
  readonly reason: SpliceReason;
  constructor(reason: SpliceReason, message: string) {
    super(`${reason}: ${message}`);
    this.reason = reason;
  }
}

export interface Splice {
  /** Byte offset in the UTF-8 text at which `insert` goes in. */
  at: number;
  insert: string;
  /** The whole text afterwards. */
  after: string;
  /** Unified diff, three lines of context. */
  diff: string;
}

/** No scheduler's configuration is longer; a longer one is somebody's joke. */
const MAX_CHARS = 1 << 20;
const MAX_ALIASES = 50;
/** Plain words that some YAML reader takes for something else than a string. */
const NOT_PLAIN = /^(?:y|n|yes|no|on|off|true|false|null|~|\.inf|\.nan|_+)$/i;

/** Where the article keeps the list. */
const LIST = ['auth', 'authorized_groups'] as const;

/**
 * The splice that adds `group` to the list at `path`.
 * @param file only for the head of the diff
 * @throws SpliceRefused with its named reason
 */
export function authorizeGroup(
  text: string,
  group: string,
  file = 'config.yaml',
  path: readonly string[] = LIST,
): Splice {
  if (!isGroupName(group)) throw new SpliceRefused('bad-name', `${JSON.stringify(group)} is no group name`);
  const doc = parseOne(text);
  const list = listAt(doc, path);
  const items = list.items.map(item => plainItem(item));
  if (items.some(item => String(item.value) === group))
    throw new SpliceRefused('already-there', `${group} is in ${path.join('.')}`);
  const { index, insert, place } = list.flow ? intoFlow(text, list, items, group) : intoBlock(text, items, group);
  const after = text.slice(0, index) + insert + text.slice(index);
  checkOnlyThatChanged(text, doc, after, path, group, place);
  return { at: Buffer.byteLength(text.slice(0, index)), insert, after, diff: insertionDiff(text, index, insert, file) };
}

/**
 * Takes an insertion out again.
 * @throws SpliceRefused `moved` when those bytes don't stand there any more
 */
export function removeInserted(text: string, at: number, insert: string): string {
  const bytes = Buffer.from(text);
  const piece = Buffer.from(insert);
  if (piece.length === 0 || !bytes.subarray(at, at + piece.length).equals(piece))
    throw new SpliceRefused('moved', `what was inserted at byte ${at} does not stand there any more`);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + piece.length)]).toString('utf8');
}

/** Bytes → text, only when they are UTF-8 and come back the same. @throws SpliceRefused `not-utf8` */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw new SpliceRefused('not-utf8', 'the file is not UTF-8 text');
  return text;
}

/** The one document of the text. @throws SpliceRefused when it isn't one valid document without duplicate keys */
function parseOne(text: string): Document.Parsed {
  if (text.length > MAX_CHARS) throw new SpliceRefused('too-large', `longer than ${MAX_CHARS} characters`);
  let docs: Document.Parsed[];
  try {
    docs = [...parseAllDocuments(text, { uniqueKeys: true, merge: false })] as Document.Parsed[];
  } catch (error) {
    throw new SpliceRefused('invalid-yaml', (error as Error).message.split('\n')[0]!);
  }
  const [doc] = docs;
  if (!doc) throw new SpliceRefused('no-such-list', 'the file is empty');
  if (docs.length > 1) throw new SpliceRefused('multiple-documents', `${docs.length} documents in one file`);
  const [error] = doc.errors;
  if (error)
    throw new SpliceRefused(
      error.code === 'DUPLICATE_KEY' ? 'duplicate-keys' : 'invalid-yaml',
      error.message.split('\n')[0]!,
    );
  plainValue(doc);
  return doc;
}

function plainValue(doc: Document.Parsed): unknown {
  try {
    return doc.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (/alias/i.test((error as Error).message))
      throw new SpliceRefused('alias-bomb', 'more aliases than any configuration needs');
    throw new SpliceRefused('invalid-yaml', (error as Error).message.split('\n')[0]!);
  }
}

function listAt(doc: Document.Parsed, path: readonly string[]): YAMLSeq {
  let node: unknown = doc.contents;
  const where: string[] = [];
  for (const key of path) {
    refuseIndirect(node, where);
    if (!isMap(node)) throw new SpliceRefused('no-such-list', `${where.join('.') || 'the file'} is not a mapping`);
    const pairs = node.items as Pair<unknown, unknown>[];
    if (pairs.some(p => isAlias(p.key)))
      throw new SpliceRefused('alias-on-path', `an alias stands as a key in ${where.join('.') || 'the file'}`);
    if (pairs.some(p => isScalar(p.key) && p.key.value === '<<'))
      throw new SpliceRefused('merge-key', `${where.join('.') || 'the file'} has a merge key (<<)`);
    const pair = pairs.find(p => isScalar(p.key) && p.key.value === key);
    where.push(key);
    if (!pair) throw new SpliceRefused('no-such-list', `there is no ${where.join('.')}`);
    node = pair.value;
  }
  refuseIndirect(node, where);
  if (!isSeq(node)) throw new SpliceRefused('not-a-list', `${where.join('.')} is not a list`);
  if (node.tag && node.tag !== 'tag:yaml.org,2002:seq')
    throw new SpliceRefused('odd-layout', `${where.join('.')} has the tag ${node.tag}`);
  return node;
}

/** A node that something else refers to, or that is a reference: changing it would change more than one place. */
function refuseIndirect(node: unknown, where: string[]): void {
  const name = where.join('.') || 'the file';
  if (isAlias(node)) throw new SpliceRefused('alias-on-path', `${name} is an alias`);
  if ((node as { anchor?: string } | null)?.anchor) throw new SpliceRefused('anchor-on-path', `${name} has an anchor`);
}

function plainItem(item: unknown): Scalar & { range: [number, number, number] } {
  if (isAlias(item)) throw new SpliceRefused('alias-on-path', 'an entry of the list is an alias');
  if (!isScalar(item)) throw new SpliceRefused('odd-layout', 'an entry of the list is not a single value');
  if (item.anchor) throw new SpliceRefused('anchor-on-path', 'an entry of the list has an anchor');
  if (item.tag || !item.range || item.range[0] === item.range[1])
    throw new SpliceRefused('odd-layout', 'an entry of the list has a tag or is empty');
  if (item.type !== 'PLAIN' && item.type !== 'QUOTE_DOUBLE' && item.type !== 'QUOTE_SINGLE')
    throw new SpliceRefused('odd-layout', 'an entry of the list is a block of text');
  return item as Scalar & { range: [number, number, number] };
}

type Item = ReturnType<typeof plainItem>;
/** `place`: the index the new entry has in the list. */
type Insertion = { index: number; insert: string; place: number };

/** The group's name quoted the way its neighbour is. */
function written(group: string, like: Item | undefined): string {
  if (like?.type === 'QUOTE_DOUBLE') return `"${group}"`;
  if (like?.type === 'QUOTE_SINGLE' || NOT_PLAIN.test(group)) return `'${group}'`;
  return group;
}

const lineStart = (text: string, index: number): number => text.lastIndexOf('\n', index - 1) + 1;
const eolOf = (text: string, from: number): string => {
  const end = text.indexOf('\n', from);
  const crlf = end < 0 ? text.includes('\r\n') : text[end - 1] === '\r';
  return crlf ? '\r\n' : '\n';
};

/** A line of its own below the last entry, which is copied up to its value. */
function intoBlock(text: string, items: Item[], group: string): Insertion {
  const last = items.at(-1);
  if (!last) throw new SpliceRefused('odd-layout', 'the list is empty');
  const [from, to] = last.range;
  const prefix = text.slice(lineStart(text, from), from);
  if (!/^ *-[ \t]+$/.test(prefix))
    throw new SpliceRefused('odd-layout', 'the last entry does not stand on a line of its own');
  if (text.slice(from, to).includes('\n')) throw new SpliceRefused('odd-layout', 'the last entry spans several lines');
  const entry = prefix + written(group, last);
  const eol = eolOf(text, to);
  const end = text.indexOf('\n', to);
  const place = items.length;
  return end < 0 ? { index: text.length, insert: eol + entry, place } : { index: end + 1, insert: entry + eol, place };
}

/**
 * Inside brackets: behind the last entry; or, where the last entry has its own line, on a line above it, because then
 * one whole line is added and none is touched.
 */
function intoFlow(text: string, list: YAMLSeq, items: Item[], group: string): Insertion {
  const last = items.at(-1);
  if (!last) {
    const open = list.range![0];
    if (text[open] !== '[') throw new SpliceRefused('odd-layout', 'the list does not start with a bracket');
    return { index: open + 1, insert: written(group, undefined), place: 0 };
  }
  const [from, to] = last.range;
  if (text.slice(from, to).includes('\n')) throw new SpliceRefused('odd-layout', 'the last entry spans several lines');
  const indent = text.slice(lineStart(text, from), from);
  if (/^[ \t]*$/.test(indent) && lineStart(text, from) > list.range![0])
    return {
      index: lineStart(text, from),
      insert: `${indent}${written(group, last)},${eolOf(text, to)}`,
      place: items.length - 1,
    };
  const before = items.at(-2);
  const gap = before ? text.slice(before.range[1], from) : ', ';
  return { index: to, insert: `${/^,[ ]?$/.test(gap) ? gap : ', '}${written(group, last)}`, place: items.length };
}

/** Reads the new text again: it must say what the old one said, with exactly this entry more. */
function checkOnlyThatChanged(
  before: string,
  doc: Document.Parsed,
  after: string,
  path: readonly string[],
  group: string,
  place: number,
): void {
  const was = plainValue(doc);
  const again = parseOne(after);
  const list = listAt(again, path);
  const added = list.items[place];
  if (!isScalar(added) || added.value !== group)
    throw new SpliceRefused('odd-layout', 'the change would not read back as intended');
  list.items.splice(place, 1);
  if (!isDeepStrictEqual(plainValue(again), was) || after.length <= before.length)
    throw new SpliceRefused('odd-layout', 'the change would change something else too');
}

/** A unified diff of one insertion; written by hand so that plan and executor can't differ by a library's version. */
function insertionDiff(text: string, index: number, insert: string, file: string): string {
  const context = 3;
  const after = text.slice(0, index) + insert + text.slice(index);
  const a = linesOf(text);
  const b = linesOf(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const from = Math.max(0, head - context);
  const show = (mark: string, line: string): string =>
    line.endsWith('\n') ? mark + line : `${mark}${line}\n\\ No newline at end of file\n`;
  const span = (start: number, count: number): string => `${count === 0 ? start : start + 1},${count}`;
  const below = a.slice(a.length - tail, a.length - tail + context);
  const removed = a.slice(head, a.length - tail);
  const added = b.slice(head, b.length - tail);
  const shared = head - from + below.length;
  return [
    `--- ${file}\n+++ ${file}\n`,
    `@@ -${span(from, shared + removed.length)} +${span(from, shared + added.length)} @@\n`,
    ...a.slice(from, head).map(line => show(' ', line)),
    ...removed.map(line => show('-', line)),
    ...added.map(line => show('+', line)),
    ...below.map(line => show(' ', line)),
  ].join('');
}

/** Lines with their ends; text without a final newline has a last line without one. */
const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
