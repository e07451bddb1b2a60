/**
 * What a chat gets of a letter: the same blocks as the mail, as far as its link, since what comes after it is on the page.
 * Each chat has its own way to mention everybody, to make a link and to break out of code; what strangers wrote can do
 * none of it in any of them.
 */
import { type Block, tame } from '../blocks.ts';
import type { Letter } from '../letter.ts';

/** Shows nothing, and parts what a chat would join: `@` from a name, `<` from `!channel`. */
export const GAP = '\u200b';

/** The blocks up to the first link, or all where there is none. */
export function upToLink(blocks: readonly Block[]): Block[] {
  const at = blocks.findIndex(b => b.kind === 'link');
  return at < 0 ? [...blocks] : blocks.slice(0, at + 1);
}

/** One line that stands for the whole message where only that is shown. */
export const inOneLine = (letter: Letter): string => tame(letter.subject);

/**
 * As many of a letter's blocks as a chat takes, each whole: half a block could leave its code open. Only a list is cut, after
 * an item, and says how many more there are. The link is always there, and a block that says nothing is left out: a chat
 * would refuse all of the message for it.
 */
export function fitting<T>(blocks: readonly Block[], most: number, bytes: number, shape: (block: Block) => T[]): T[] {
  const link = blocks.filter(b => b.kind === 'link').flatMap(shape);
  const fit: T[] = [];
  const fits = (more: T[], spare: T[] = []): boolean => {
    const all = [...fit, ...more, ...spare, ...link];
    return all.length + 1 <= most && sizeOf(all) <= bytes;
  };
  for (const block of blocks) {
    if (block.kind === 'link' || saysNothing(block)) continue;
    const shaped = shape(block);
    const part = fits(shaped) ? shaped : block.kind === 'list' ? startOf(block.items, shape, fits) : null;
    if (part === null) {
      fit.push(...shape({ kind: 'sentence', text: 'There is more of it on the page.' }));
      break;
    }
    fit.push(...part);
  }
  return [...fit, ...link];
}

/** So many of a list's first items as there is room for, beside a sentence that follows; null when there is none. */
function startOf<T>(
  items: string[],
  shape: (block: Block) => T[],
  fits: (more: T[], spare: T[]) => boolean,
): T[] | null {
  for (let shown = items.length - 1; shown > 0; shown--) {
    const rest = shape({ kind: 'sentence', text: `And ${items.length - shown} more, on the page.` });
    const part = [...shape({ kind: 'list', items: items.slice(0, shown) }), ...rest];
    if (fits(part, rest)) return part;
  }
  return null;
}

const sizeOf = (shaped: unknown): number => Buffer.byteLength(JSON.stringify(shaped));

function saysNothing(block: Block): boolean {
  switch (block.kind) {
    case 'list':
      return block.items.length === 0;
    case 'facts':
      return block.rows.length === 0;
    case 'code':
    case 'raw':
      return block.lines.length === 0;
    case 'link':
      return false;
    default:
      return block.text.trim() === '';
  }
}

export const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** Where nothing is marked up (code, Slack's plain text): an entity would be shown as one, so the signs are parted only. */
export const parted = (text: string): string =>
  tame(text)
    .replaceAll('`', "'")
    .replace(/[<@~]/g, sign => `${sign}${GAP}`);
