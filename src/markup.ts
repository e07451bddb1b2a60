/**
 * HTML and SVG as a template that escapes whatever is put into it: mails and reports are full of text that strangers
 * wrote, so the safe way is the short one. Control characters are made visible on the way. `trusted` is the one way
 * around it, for constants of ours.
 */
import { visible } from './visible.ts';

/** A piece of HTML or SVG that is escaped already. Told apart by class, so that no string passes for one. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type Part = string | number | Markup | null | undefined | readonly Part[];

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as it may stand between tags and inside quoted attributes. */
const escapeMarkup = (text: string): string => visible(text).replace(/[&<>"']/g, c => ENTITIES[c]!);

const print = (part: Part): string => {
  if (part === null || part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (Array.isArray(part)) return part.map(print).join('');
  return escapeMarkup(String(part));
};

/** A template tag: everything between `${` and `}` is escaped, unless it is Markup. Attributes must be quoted. */
export const markup = (strings: TemplateStringsArray, ...parts: Part[]): Markup =>
  new Markup(strings.reduce((all, s, i) => all + print(parts[i - 1]) + s));

/** Says that a constant of ours is markup. Never call it with text that came from anywhere else. */
export const trusted = (text: string): Markup => new Markup(text);
