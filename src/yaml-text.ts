/**
 * YAML as every file of ours is read: one document, each key once, no tag that this program does not know, aliases only
 * as far as they are allowed. What is wrong comes with its line, in a sentence; nothing is guessed, nothing is thrown.
 */
import { type Document, isPair, isScalar, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';

export interface YamlFault {
  line: number;
  why: string;
}

export interface YamlText {
  /** Plain data: null, texts, numbers, booleans, lists and objects. */
  value: unknown;
  doc: Document.Parsed;
  lines: LineCounter;
  /** The line on which the value at these keys stands, or the nearest one above it that is there. */
  lineOf: (path: readonly PropertyKey[]) => number;
}

/** What a document may hold. */
export interface Allowed {
  aliases: number;
  /** Whose tags are meant: those of another program's file say nothing to us, and are left to it. */
  tags: 'ours' | 'of another program';
}

/** For whatever has to be one value a line, so that whoever reads it sees what it says. */
export const PLAIN: Allowed = { aliases: 0, tags: 'ours' };
/** For files in which somebody may want to say a thing once. */
export const SOME_ALIASES: Allowed = { aliases: 50, tags: 'ours' };

export function readYaml(text: string, allowed: Allowed): YamlText | { faults: YamlFault[] } {
  const lines = new LineCounter();
  let doc: Document.Parsed;
  try {
    doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true, resolveKnownTags: false });
  } catch (error) {
    // The parser takes lists in lists with a call for each, and the stack has an end.
    return {
      faults: [{ line: 1, why: error instanceof RangeError ? 'nested too deeply' : firstLine(error as Error) }],
    };
  }
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const faults = doc.errors.map(error => ({ line: lineAt(error.pos[0]), why: wordsOf(error, doc) }));
  if (allowed.tags === 'ours') faults.push(...unknownTags(doc, text).map(({ at, why }) => ({ line: lineAt(at), why })));
  const alias = firstAlias(doc);
  if (alias && allowed.aliases === 0)
    faults.push({
      line: lineAt(alias.at),
      why: `*${alias.name}: aliases have no place in this file; write the value itself`,
    });
  if (faults.length > 0) return { faults };
  try {
    const value: unknown = doc.toJS({ maxAliasCount: allowed.aliases });
    return { value, doc, lines, lineOf: path => lineOf(doc, lineAt, path) };
  } catch (error) {
    // Aliases of aliases, or of nothing; the library says it with errors of the language.
    return { faults: [{ line: alias ? lineAt(alias.at) : 1, why: firstLine(error as Error) }] };
  }
}

/** `file:line: what is wrong`, one a line. */
export const faultLines = (file: string, faults: readonly YamlFault[]): string[] =>
  faults.map(({ line, why }) => `${file}:${line}: ${why}`);

/** Tags that every reader of YAML knows; they only say what the value is anyway. */
const CORE = new Set(['map', 'seq', 'str', 'int', 'float', 'bool', 'null'].map(name => `tag:yaml.org,2002:${name}`));

/** Whether a node bears a tag that this program does not know, so that its value is not what it seems. */
export const hasUnknownTag = (node: unknown): boolean => {
  const tag = (node as { tag?: unknown } | null | undefined)?.tag;
  return typeof tag === 'string' && !CORE.has(tag) && tag !== '!';
};

function unknownTags(doc: Document.Parsed, text: string): { at: number; why: string }[] {
  return doc.warnings
    .filter(({ code }) => code === 'TAG_RESOLVE_FAILED')
    .map(({ pos }) => ({
      at: pos[0],
      why: `${text.slice(pos[0], pos[1])}: no tag of this name is known here; write the value itself`,
    }));
}

function firstAlias(doc: Document.Parsed): { at: number; name: string } | null {
  let found: { at: number; name: string } | null = null;
  visit(doc, {
    Alias: (_, { range, source }) => {
      found = { at: range?.[0] ?? 0, name: source };
      return visit.BREAK;
    },
  });
  return found;
}

/** What keeps the text from being read as YAML; a key that is there twice is named. */
function wordsOf(error: YAMLError, doc: Document.Parsed): string {
  const key = error.code === 'DUPLICATE_KEY' ? keyAt(doc, error.pos[0]) : null;
  return key === null ? firstLine(error) : `${key}: this key is there already; keep one of them`;
}

const firstLine = ({ message }: Error): string => message.split('\n')[0]!.replace(/:$/, '');

/** The key that begins at this place of the text, below those it stands under. */
function keyAt(doc: Document.Parsed, at: number): string | null {
  let found: string | null = null;
  visit(doc, {
    Pair: (_, pair, above) => {
      if (!isScalar(pair.key) || pair.key.range?.[0] !== at) return undefined;
      found = [...above.filter(isPair), pair].map(p => String(isScalar(p.key) ? p.key.value : p.key)).join('.');
      return visit.BREAK;
    },
  });
  return found;
}

function lineOf(doc: Document.Parsed, lineAt: (offset: number) => number, path: readonly PropertyKey[]): number {
  for (let n = path.length; n > 0; n--) {
    const node = doc.getIn(path.slice(0, n), true) as { range?: [number, number, number] | null } | undefined;
    if (node?.range) return lineAt(node.range[0]);
  }
  return 1;
}
