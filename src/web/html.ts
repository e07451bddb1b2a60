/**
 * The one template of all pages: hono's escaping `html`, with every string made visible first. Names, log lines and
 * error texts come from strangers; a control character or a direction mark in one of them is shown, never obeyed, and
 * no page has to remember to do it.
 */
import { html as escaping, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { visible } from '../visible.ts';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** What may stand in a template. Strings are shown as text; `false`, `null` and `undefined` are nothing. */
export type Part = Html | string | number | boolean | null | undefined | Part[];

const shown = (part: Part): unknown =>
  typeof part === 'string' ? visible(part) : Array.isArray(part) ? part.map(shown) : part;

/** Escapes every value, in text and in quoted attributes alike. Always quote attributes. */
export const html = (strings: TemplateStringsArray, ...parts: Part[]): Html => escaping(strings, ...parts.map(shown));

/** For markup of our own only (generated drawings, a report that escaped its own values). */
export const ownMarkup = (text: string): Html => raw(text);

/** `1 person`, `3 people`. */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
