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

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

/** Where nothing is marked up (code, Slack's plain text): an entity would be shown as one, so the signs are parted only. */
const parted = (text: string): string =>
  tame(text)
    .replaceAll('`', "'")
    .replace(/[<@~]/g, sign => `${sign}${GAP}`);

// ---------------------------------------------------------------- Slack

const SLACK_TEXT = 2900;
const SLACK_BLOCKS = 45;

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
  blocks: upToLink(letter.blocks).flatMap(slackBlock).slice(0, SLACK_BLOCKS),
  unfurl_links: false,
  unfurl_media: false,
});

// ---------------------------------------------------------------- Mattermost

const MATTERMOST_TEXT = 15_000;

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
  const last = blocks.at(-1)?.kind === 'link' ? mattermostBlock(blocks.pop()!) : '';
  // The link stays, however long the rest is.
  const text = wholeBlocks(blocks.map(mattermostBlock), MATTERMOST_TEXT);
  return { text: [...text, last].filter(Boolean).join('\n\n') };
};

/** As many as fit: a block that was cut could leave its code open. */
function wholeBlocks(blocks: string[], most: number): string[] {
  const fit: string[] = [];
  let length = 0;
  for (const block of blocks) {
    length += block.length;
    if (length > most) return [...fit, '…'];
    fit.push(block);
  }
  return fit;
}

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
          items: block.lines.slice(0, 60).map(l => runs([{ text: l || ' ', code: true }], { spacing: 'None' })),
        },
      ];
    case 'link':
      return [];
    default:
      return block satisfies never;
  }
}

const TEAMS_ELEMENTS = 60;

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
          body: blocks.flatMap(teamsBlock).slice(0, TEAMS_ELEMENTS),
          actions: blocks.flatMap(b =>
            b.kind === 'link' ? [{ type: 'Action.OpenUrl', title: b.label, url: b.url }] : [],
          ),
        },
      },
    ],
  };
}
