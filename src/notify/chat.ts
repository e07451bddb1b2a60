/**
 * What a chat gets of a letter: the same blocks as the mail, as far as its link, since what comes after it is on the page.
 * Each chat has its own way to mention everybody, to make a link and to break out of code; what strangers wrote can do
 * none of it in any of them.
 */
import { type Block, tame } from './blocks.ts';
import type { Letter } from './letter.ts';

/** Shows nothing, and parts what a chat would join: `@` from a name, `<` from `!channel`. */
const GAP = '\u200b';

/** The blocks up to the first link, or all where there is none. */
export function upToLink(blocks: readonly Block[]): Block[] {
  const at = blocks.findIndex(b => b.kind === 'link');
  return at < 0 ? [...blocks] : blocks.slice(0, at + 1);
}

/** One line that stands for the whole message where only that is shown. */
export const inOneLine = (letter: Letter): string => tame(letter.subject);

/**
 * As many of a letter's blocks as a chat takes, each whole: half a block could leave its code open. The link is always
 * there, and one that says nothing is left out: a chat would refuse all of the message for it.
 */
function fitting<T>(blocks: readonly Block[], most: number, bytes: number, shape: (block: Block) => T[]): T[] {
  const link = blocks.filter(b => b.kind === 'link').flatMap(shape);
  const fit: T[] = [];
  let size = link.reduce((n, l) => n + sizeOf(l), 0);
  for (const block of blocks) {
    if (block.kind === 'link' || saysNothing(block)) continue;
    const shaped = shape(block);
    size += shaped.reduce((n, s) => n + sizeOf(s), 0);
    if (size > bytes || fit.length + shaped.length + link.length + 1 > most) {
      fit.push(...shape({ kind: 'sentence', text: 'There is more of it on the page.' }));
      break;
    }
    fit.push(...shaped);
  }
  return [...fit, ...link];
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

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** Where nothing is marked up (code, Slack's plain text): an entity would be shown as one, so the signs are parted only. */
const parted = (text: string): string =>
  tame(text)
    .replaceAll('`', "'")
    .replace(/[<@~]/g, sign => `${sign}${GAP}`);

// ---------------------------------------------------------------- Slack

const SLACK_TEXT = 2900;
const SLACK_BLOCKS = 45;
const SLACK_BYTES = 40_000;

/**
 * Slack: `&`, `<` and `>` as entities (docs.slack.dev, "Escaping text"); the signs of its markup are parted from what
 * they would mark.
 */
export const slackText = (text: string): string =>
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

function slackBlock(block: Block): object[] {
  switch (block.kind) {
    case 'headline':
      return [{ type: 'header', text: { type: 'plain_text', text: cut(parted(block.text), 150), emoji: false } }];
    case 'heading':
      return [section(`*${slackText(block.text)}*`)];
    case 'sentence':
      return [section(slackText(block.text))];
    case 'list':
      return [section(block.items.map(i => `• ${slackText(i)}`).join('\n'))];
    case 'facts':
      return [section(block.rows.map(r => `${slackText(r.label)}: ${slackText(r.value)}`).join('\n'))];
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

// ---------------------------------------------------------------- Mattermost

/** A post may have 16,383 characters. */
const MATTERMOST_BYTES = 15_000;

/**
 * Mattermost: Markdown, and Slack's own syntax is read there too, so `<` is an entity; `@` and `~` are parted from the
 * names behind them.
 */
export const mattermostText = (text: string): string =>
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
      return block.rows.map(r => `* ${mattermostText(r.label)}: ${mattermostText(r.value)}`).join('\n');
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
export const mattermostMessage = (letter: Letter): object => {
  const blocks = upToLink(letter.blocks);
  return { text: fitting(blocks, blocks.length + 1, MATTERMOST_BYTES, b => [mattermostBlock(b)]).join('\n\n') };
};

// ---------------------------------------------------------------- Teams

/** Runs of text are no Markdown in an Adaptive Card and mention nobody: mentions are entities, and a card of ours has none. */
const runs = (texts: { text: string; bold?: boolean; subtle?: boolean; code?: boolean }[], more: object = {}) => ({
  type: 'RichTextBlock',
  inlines: texts.map(t => ({
    type: 'TextRun',
    text: cut(tame(t.text), 2000),
    ...(t.bold ? { weight: 'Bolder' } : {}),
    ...(t.subtle ? { isSubtle: true } : {}),
    ...(t.code ? { fontType: 'Monospace' } : {}),
  })),
  ...more,
});

function teamsBlock(block: Block): object[] {
  switch (block.kind) {
    case 'headline':
      return [
        {
          type: 'RichTextBlock',
          inlines: [{ type: 'TextRun', text: cut(tame(block.text), 500), size: 'Large', weight: 'Bolder' }],
        },
      ];
    case 'heading':
      return [runs([{ text: block.text, bold: true }], { spacing: 'Medium' })];
    case 'sentence':
      return [runs([{ text: block.text }])];
    case 'list':
      return block.items.map(i => runs([{ text: `• ${i}` }], { spacing: 'Small' }));
    case 'facts':
      return block.rows.map(r =>
        runs([{ text: `${r.label}: `, subtle: true }, { text: r.value }], { spacing: 'Small' }),
      );
    case 'code':
    case 'raw':
      return [
        {
          type: 'Container',
          style: 'emphasis',
          items: firstLines(block.lines).map(l => runs([{ text: l || ' ', code: true }], { spacing: 'None' })),
        },
      ];
    case 'link':
      return [];
    default:
      return block satisfies never;
  }
}

const firstLines = (lines: string[]): string[] =>
  lines.length > TEAMS_LINES
    ? [...lines.slice(0, TEAMS_LINES), `… and ${lines.length - TEAMS_LINES} more lines`]
    : lines;

const TEAMS_LINES = 50;
const TEAMS_ELEMENTS = 60;
/** Teams takes 28 KB of a message; the card around this has its share. */
const TEAMS_BYTES = 24_000;

/** A message with one Adaptive Card, as a Teams workflow ("when a webhook request is received") posts it. */
export function teamsMessage(letter: Letter): object {
  const blocks = upToLink(letter.blocks);
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          fallbackText: inOneLine(letter),
          msteams: { width: 'Full' },
          body: fitting(blocks, TEAMS_ELEMENTS, TEAMS_BYTES, teamsBlock),
          actions: blocks.flatMap(b =>
            b.kind === 'link' ? [{ type: 'Action.OpenUrl', title: b.label, url: b.url }] : [],
          ),
        },
      },
    ],
  };
}
