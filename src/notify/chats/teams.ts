/** A letter as a Teams workflow takes it: an Adaptive Card of plain runs of text. */
import { type Block, tame } from '../blocks.ts';
import type { Letter } from '../letter.ts';
import { cut, fitting, inOneLine, upToLink } from './chat.ts';

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
        runs(
          r.value === undefined ? [{ text: r.label }] : [{ text: `${r.label}: `, subtle: true }, { text: r.value }],
          {
            spacing: 'Small',
          },
        ),
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
