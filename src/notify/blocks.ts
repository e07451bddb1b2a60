/**
 * The few kinds of paragraph a letter is made of, each written twice: as plain text of 76 columns and as the simple
 * tables with inline styles that every mail program shows. Text from outside is made visible and escaped here, and its
 * links are broken, so that the only link in a letter is ours.
 */
import { type Markup, markup, trusted } from '../markup.ts';
import { visible } from '../visible.ts';

export type Block =
  | { kind: 'headline'; text: string }
  | { kind: 'heading'; text: string }
  | { kind: 'sentence'; text: string }
  | { kind: 'list'; items: string[] }
  /** Evidence and other small tables: what, its value where the words don't say it all, and where it came from. */
  | { kind: 'facts'; rows: { label: string; value?: string; source?: string }[] }
  /** Commands and diffs, exactly: to be read and copied. */
  | { kind: 'code'; lines: string[] }
  /** Lines of a log, as a stranger wrote them. */
  | { kind: 'raw'; lines: string[] }
  | { kind: 'link'; label: string; url: string };

/** A row of facts on a line, each part written by `as`. */
export const labelled = ({ label, value }: { label: string; value?: string }, as: (text: string) => string): string =>
  value === undefined ? as(label) : `${as(label)}: ${as(value)}`;

const LINES = 120;
const WIDTH = 76;
const LONG = 600;

/** Text from outside on one line, cut, with its links broken: `http[:]//` can be read and can't be clicked. */
export const tame = (text: string): string => {
  const short = text.length > LONG ? `${text.slice(0, LONG)}…` : text;
  return visible(short)
    .replaceAll('://', '[:]//')
    .replace(/\b(www|ftp)\./gi, '$1[.]')
    .replace(/\bmailto:/gi, 'mailto[:]');
};

const cut = (lines: string[]): string[] =>
  lines.length > LINES ? [...lines.slice(0, LINES), `… and ${lines.length - LINES} more lines`] : lines;

function wrap(text: string, indent = '', first = indent): string {
  const out: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      out.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...out, line].join('\n');
}

function blockToText(block: Block): string {
  switch (block.kind) {
    case 'headline':
    case 'sentence':
      return wrap(tame(block.text));
    case 'heading':
      return `${tame(block.text)}\n${'-'.repeat(Math.min(WIDTH, tame(block.text).length))}`;
    case 'list':
      return block.items.map(item => wrap(tame(item), '  ', '* ')).join('\n');
    case 'facts':
      return block.rows
        .map(row => wrap(`${labelled(row, tame)}${row.source ? `  (${tame(row.source)})` : ''}`, '    ', '  '))
        .join('\n');
    case 'code':
      return cut(block.lines)
        .map(line => `    ${visible(line)}`)
        .join('\n');
    case 'raw':
      return cut(block.lines)
        .map(line => `    ${tame(line)}`)
        .join('\n');
    case 'link':
      return `${block.label}:\n${block.url}`;
    default:
      return block satisfies never;
  }
}

/** The letter as plain text. */
export const blocksToText = (blocks: Block[], footer: string): string =>
  `${blocks.map(blockToText).join('\n\n')}\n\n-- \n${wrap(tame(footer))}\n`;

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";
const MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace";
const P = trusted(`margin:0 0 16px;${FONT};font-size:15px;line-height:22px;color:#1c2430;word-break:break-word`);
const H1 = trusted(
  `margin:0 0 16px;${FONT};font-size:21px;line-height:28px;font-weight:600;color:#1c2430;word-break:break-word`,
);
const H2 = trusted(`margin:24px 0 8px;${FONT};font-size:13px;line-height:18px;font-weight:600;color:#5b6675`);
const LI = trusted(`margin:0 0 6px;${FONT};font-size:15px;line-height:22px;color:#1c2430;word-break:break-word`);
const CELL = trusted(
  `padding:7px 12px 7px 0;border-top:1px solid #e3e7ec;${FONT};font-size:14px;line-height:20px;color:#1c2430;text-align:left;vertical-align:top;word-break:break-word`,
);
const MUTED = trusted(`${FONT};font-size:13px;line-height:19px;color:#5b6675;word-break:break-word`);
const PRE = `margin:0;${MONO};font-size:13px;line-height:20px;white-space:pre-wrap;word-break:break-word`;
const LINK = trusted(
  `display:inline-block;padding:11px 20px;${FONT};font-size:15px;line-height:20px;font-weight:600;color:#ffffff;text-decoration:none`,
);

/** A line that is added to a file is green, one that goes is red; what they say doesn't depend on the colour. */
const shade = (line: string): string =>
  /^\+(?!\+\+ )/.test(line) ? '#0a6b35' : /^-(?!-- )/.test(line) ? '#a3252b' : '#1c2430';

const codeToHtml = (lines: string[], show: (line: string) => string): Markup => markup`
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="margin:0 0 16px"><tr><td bgcolor="#f4f6f8" style="padding:12px 14px;border-radius:6px">
${cut(lines).map(line => markup`<div style="${trusted(`${PRE};color:${shade(line)}`)}">${show(line) || ' '}</div>`)}
</td></tr></table>`;

function blockToHtml(block: Block): Markup {
  switch (block.kind) {
    case 'headline':
      return markup`<h1 style="${H1}">${tame(block.text)}</h1>`;
    case 'heading':
      return markup`<h2 style="${H2}">${tame(block.text)}</h2>`;
    case 'sentence':
      return markup`<p style="${P}">${tame(block.text)}</p>`;
    case 'list':
      return markup`<ul style="margin:0 0 16px;padding:0 0 0 20px">${block.items.map(i => markup`<li style="${LI}">${tame(i)}</li>`)}</ul>`;
    case 'facts':
      return markup`<table width="100%" cellpadding="0" cellspacing="0" style="margin:0 0 16px;border-collapse:collapse">
${block.rows.map(
  row =>
    markup`<tr><th scope="row" width="34%" style="${CELL};font-weight:normal">${tame(row.label)}</th><td style="${CELL}">${row.value === undefined ? null : tame(row.value)}${
      row.source
        ? markup`${row.value === undefined ? null : trusted('<br>')}<span style="${MUTED}">${tame(row.source)}</span>`
        : null
    }</td></tr>\n`,
)}</table>`;
    case 'code':
      return codeToHtml(block.lines, line => line);
    case 'raw':
      return codeToHtml(block.lines, tame);
    case 'link':
      return markup`<table role="presentation" cellpadding="0" cellspacing="0" style="margin:8px 0 20px"><tr><td bgcolor="#0b5cad" style="border-radius:6px"><a href="${block.url}" style="${LINK}">${block.label}</a></td></tr></table>`;
    default:
      return block satisfies never;
  }
}

/** The letter as an HTML document. */
export const blocksToHtml = (title: string, blocks: Block[], footer: string): string =>
  markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${tame(title)}</title></head>
<body style="margin:0;padding:0;background:#eef1f4">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" bgcolor="#eef1f4"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" bgcolor="#ffffff" style="max-width:640px;border-radius:8px"><tr><td style="padding:28px 28px 20px;text-align:left">
${blocks.map(block => markup`${blockToHtml(block)}\n`)}
<p style="margin:20px 0 0;padding-top:14px;border-top:1px solid #e3e7ec;${MUTED}">${tame(footer)}</p>
</td></tr></table>
</td></tr></table>
</body></html>
`.text;
