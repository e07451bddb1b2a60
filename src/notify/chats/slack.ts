/** A letter as Slack takes it at an incoming webhook: Block Kit, in which text is marked up by Slack's own signs. */
import { type Block, labelled, tame } from '../blocks.ts';
import type { Letter } from '../letter.ts';
import { cut, fitting, GAP, parted, upToLink } from './chat.ts';

const SLACK_TEXT = 2900;
const SLACK_BLOCKS = 45;
const SLACK_BYTES = 40_000;

/**
 * Slack: `&`, `<` and `>` as entities (docs.slack.dev, "Escaping text"); the signs of its markup are parted from what
 * they would mark.
 */
const slackText = (text: string): string =>
  tame(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('@', `@${GAP}`)
    .replaceAll('`', "'")
    .replace(/[*_~]/g, sign => `${sign}${GAP}`);

const section = (text: string) => ({
  type: 'section',
  text: { type: 'mrkdwn', text: cut(text, SLACK_TEXT), verbatim: true },
});

/** As many sections as the lines need, each line whole: one that is too long would be cut without a word. */
function sections(lines: string[]): object[] {
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + 1 + line.length <= SLACK_TEXT) texts[texts.length - 1] = `${last}\n${line}`;
    else texts.push(line);
  }
  return texts.map(section);
}

function slackBlock(block: Block): object[] {
  switch (block.kind) {
    case 'headline':
      return [{ type: 'header', text: { type: 'plain_text', text: cut(parted(block.text), 150), emoji: false } }];
    case 'heading':
      return [section(`*${slackText(block.text)}*`)];
    case 'sentence':
      return [section(slackText(block.text))];
    case 'list':
      return sections(block.items.map(i => `• ${slackText(i)}`));
    case 'facts':
      return sections(block.rows.map(r => labelled(r, slackText)));
    case 'code':
    case 'raw':
      return [section(`\`\`\`\n${cut(block.lines.map(slackText).join('\n'), SLACK_TEXT - 10)}\n\`\`\``)];
    case 'link':
      return [section(`<${block.url}|${slackText(block.label)}>`)];
    default:
      return block satisfies never;
  }
}

/** A message of Block Kit for an incoming webhook; `text` is what a notification shows. */
export const slackMessage = (letter: Letter): object => ({
  text: slackText(letter.subject),
  blocks: fitting(upToLink(letter.blocks), SLACK_BLOCKS, SLACK_BYTES, slackBlock),
  unfurl_links: false,
  unfurl_media: false,
});
