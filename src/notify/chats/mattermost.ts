/** A letter as Mattermost takes it at an incoming webhook: Markdown, in which Slack's signs are read as well. */
import { type Block, labelled, tame } from '../blocks.ts';
import type { Letter } from '../letter.ts';
import { fitting, GAP, parted, upToLink } from './chat.ts';

/** A post may have 16,383 characters. */
const MATTERMOST_BYTES = 15_000;

/**
 * Mattermost: Markdown, and Slack's own syntax is read there too, so `<` is an entity; `@` and `~` are parted from the
 * names behind them.
 */
const mattermostText = (text: string): string =>
  tame(text)
    .replace(/[\\`*_[\]()#|!]/g, sign => `\\${sign}`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[@~]/g, sign => `${sign}${GAP}`);

function mattermostBlock(block: Block): string {
  switch (block.kind) {
    case 'headline':
      return `#### ${mattermostText(block.text)}`;
    case 'heading':
      return `**${mattermostText(block.text)}**`;
    case 'sentence':
      return mattermostText(block.text);
    case 'list':
      return block.items.map(i => `* ${mattermostText(i)}`).join('\n');
    case 'facts':
      return block.rows.map(r => `* ${labelled(r, mattermostText)}`).join('\n');
    case 'code':
    case 'raw':
      return `\`\`\`\n${block.lines.map(parted).join('\n')}\n\`\`\``;
    case 'link':
      return `[${mattermostText(block.label)}](${block.url})`;
    default:
      return block satisfies never;
  }
}

/** A post for an incoming webhook. */
export const mattermostMessage = (letter: Letter): object => ({
  text: fitting(upToLink(letter.blocks), Number.POSITIVE_INFINITY, MATTERMOST_BYTES, b => [mattermostBlock(b)]).join(
    '\n\n',
  ),
});
