/**
 * What the JSON at the end of a client line says: which of the rules with this template holds, and of whom it speaks.
 * Each condition is a template of its own, over one text in the body. An equal body is judged once.
 */

import type { FieldTypes } from './fields.ts';
import { Memo } from './intern.ts';
import { type Json, strictJson } from './json.ts';
import { matchText, Pattern, type Vocabulary } from './pattern.ts';
import type { Rule } from './rule.ts';
import { parseTemplate } from './template.ts';

interface Sentence {
  path: string[];
  pattern: Pattern;
}

/** Judges bodies for the rules of one template. A judgement is a number: `user * rules + rule`, or -1 for none. */
export class Body {
  readonly memo: Memo;
  private readonly rules: Sentence[][];
  private readonly vocabulary: Vocabulary;

  /** @param types what the types of fields mean here */
  constructor(rules: readonly Rule[], vocabulary: Vocabulary, types: FieldTypes) {
    this.vocabulary = vocabulary;
    this.rules = rules.map(rule =>
      rule.where.map(({ path, template }) => ({
        path,
        pattern: new Pattern(parseTemplate(template, types), vocabulary),
      })),
    );
    this.memo = new Memo((bytes, from, to) => this.judge(bytes.subarray(from, to)));
  }

  ruleOf(judgement: number): number {
    return judgement % this.rules.length;
  }
  userOf(judgement: number): number {
    return Math.floor(judgement / this.rules.length);
  }

  private judge(bytes: Uint8Array): number {
    const json = parse(bytes);
    if (!(json instanceof Map)) return -1;
    for (let i = 0; i < this.rules.length; i++) {
      const fields = this.fields(json, this.rules[i]!);
      if (fields) return this.vocabulary.users.of(fields.user ?? '') * this.rules.length + i;
    }
    return -1;
  }

  /** The fields of a rule's conditions, or null when one does not hold. */
  private fields(json: Json, sentences: readonly Sentence[]): Record<string, string> | null {
    const fields: Record<string, string> = {};
    for (const { path, pattern } of sentences) {
      const text = path
        .slice(1)
        .reduce<Json | undefined>((value, key) => (value instanceof Map ? value.get(key) : undefined), json);
      const found = typeof text === 'string' ? matchText(pattern, text, this.vocabulary) : null;
      if (!found) return null;
      Object.assign(fields, found);
    }
    return fields;
  }

  /** Which condition of which rule came furthest, for `rules explain`; null when the body is no strict JSON object. */
  nearest(bytes: Uint8Array): { rule: number; path: string[]; expected: string } | null {
    const json = parse(bytes);
    if (!(json instanceof Map)) return null;
    let best: { rule: number; path: string[]; expected: string; held: number } | null = null;
    this.rules.forEach((sentences, rule) => {
      const held = sentences.findIndex(sentence => !this.fields(json, [sentence]));
      const stopped = sentences[held];
      if (stopped && (!best || held > best.held))
        best = { rule, path: stopped.path, expected: written(stopped.pattern), held };
    });
    return best;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return strictJson(decoder.decode(bytes));
  } catch {
    return undefined; // invalid UTF-8
  }
}

/** A pattern as it was written. */
const written = (pattern: Pattern): string =>
  pattern.steps
    .map(({ part }) =>
      'literal' in part ? part.literal : part.field === part.type ? `{${part.field}}` : `{${part.field}:${part.type}}`,
    )
    .join('');
