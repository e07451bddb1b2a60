/**
 * A letter as plain data, and how one is written: a subject and a few blocks, from which the text and the HTML are both
 * made, so that they say the same. A letter can be stored in the outbox and sent later as it stands.
 */
import type { Config } from '../config/config.ts';
import { checkedId, domainOf, headerValue, mailbox, messageId, subjectLine, threadRoot } from './address.ts';
import { type Block, blocksToHtml, blocksToText } from './blocks.ts';
import { withTimesTold } from './times.ts';

export interface Attachment {
  filename: string;
  contentType: string;
  content: string;
  encoding: 'utf8' | 'base64';
  /** For a picture inside the HTML: `<img src="cid:…">`. */
  cid?: string;
}

export interface Letter {
  to: string[];
  subject: string;
  text: string;
  html: string;
  headers: Record<string, string>;
  attachments: Attachment[];
  /** What text and HTML were made of, for receivers that read neither. */
  blocks: Block[];
  incident: string | null;
}

/** What every letter needs to know of the site. */
export interface Paper {
  /** The key of its outbox row. */
  key: string;
  from: string;
  to: string[];
  /** Where our page is, without a slash at the end. */
  origin: string;
  /** Times are shown in this zone. */
  timezone: string;
  /** Who must approve what, for the sentence that says so. */
  tiers?: Config['policy']['tiers'];
}

export interface Draft {
  /** Checked names only: it becomes the subject. */
  subject: string;
  /** The subject when `subject` holds anything else. */
  otherwise: string;
  blocks: Block[];
  incident: string | null;
  /** The first letter of an incident is the root of its thread; the alert that is told once more replies to it. */
  place: 'first' | 'reply' | 'alone';
  footer: string;
  attachments?: Attachment[];
  /** Ready-made renderings, for a letter that isn't made of blocks (the weekly report). */
  ready?: { text: string; html: string };
}

/** Makes the letter. @throws Refused when anything that goes into a header doesn't fit */
export function compose(paper: Paper, draft: Draft): Letter {
  const headers: Record<string, string> = {
    'Message-ID': messageId(paper.key, paper.from),
    'List-Id': `Readmit <readmit.${domainOf(paper.from)}>`,
    'Auto-Submitted': 'auto-generated',
    'X-Auto-Response-Suppress': 'All',
  };
  if (draft.incident !== null) {
    const id = checkedId(draft.incident);
    const root = threadRoot(id, paper.from);
    headers['X-Readmit-Incident'] = id;
    if (draft.place === 'first' && isFirst(paper.key, id)) headers['Message-ID'] = root;
    else if (draft.place !== 'alone') headers['In-Reply-To'] = headers.References = root;
  }
  for (const [name, value] of Object.entries(headers)) headerValue(name, value);
  const told = (text: string): string => withTimesTold(text, paper.timezone);
  const subject = told(draft.subject);
  const blocks = draft.blocks.map(block => inPlainTimes(block, told));
  return {
    to: paper.to.map(to => {
      const { name, address } = mailbox(to);
      return name ? `${name} <${address}>` : address;
    }),
    subject: subjectLine(subject, draft.otherwise),
    text: draft.ready?.text ?? blocksToText(blocks, draft.footer),
    html: draft.ready?.html ?? blocksToHtml(subject, blocks, draft.footer),
    headers,
    attachments: draft.attachments ?? [],
    blocks,
    incident: draft.incident,
  };
}

/** Another letter under the id of the first would be dropped by a mail system that keeps one of each. */
const isFirst = (key: string, id: string): boolean => key === `alert-${id}` || key.startsWith(`alert-${id}-to-`);

/** Commands and lines of a log are shown as they are; everything else is read by people, in their own zone. */
function inPlainTimes(block: Block, told: (text: string) => string): Block {
  switch (block.kind) {
    case 'headline':
    case 'heading':
    case 'sentence':
      return { ...block, text: told(block.text) };
    case 'list':
      return { ...block, items: block.items.map(told) };
    case 'facts':
      return {
        ...block,
        rows: block.rows.map(row => ({
          label: told(row.label),
          ...(row.value === undefined ? {} : { value: told(row.value) }),
          ...(row.source === undefined ? {} : { source: told(row.source) }),
        })),
      };
    case 'code':
    case 'raw':
    case 'link':
      return block;
    default:
      return block satisfies never;
  }
}

/** The one link of a letter to administrators. It leads to the plan and changes nothing. */
export const incidentLink = (paper: Pick<Paper, 'origin'>, id: string): string =>
  `${paper.origin}/incidents/${checkedId(id)}`;
