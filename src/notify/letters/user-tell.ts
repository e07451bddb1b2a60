/**
 * The letter to the person who was denied, when there is something only they can do. Plain words, the exact commands,
 * how to see that it worked; no link, because they have no business on our page.
 */
import type { Advice } from '../../diagnosis.ts';
import { checkedId, type MailSite, userAddress } from '../address.ts';
import type { Block } from '../blocks.ts';
import { compose, type Letter, type Paper } from '../letter.ts';
import { when } from '../times.ts';
import { adviceBlocks } from './words.ts';

export interface Told {
  user: string;
  host: string;
  incident: string;
  /** The cause in words: `Your login token has expired`. */
  title: string;
  advice: Advice;
  /** When the person was last denied, ISO. */
  at: string;
}

/** @returns null when the site writes to nobody, or the name can't be an address */
export function userTell(told: Told, paper: Paper, site: MailSite): Letter | null {
  const to = userAddress(told.user, site);
  if (to === null) return null;
  const blocks: Block[] = [
    { kind: 'headline', text: `${told.user}, the scheduler on ${told.host} refused your request` },
    {
      kind: 'sentence',
      text: `It happened at ${when(told.at, paper.timezone)}. The reason: ${told.title.replace(/\.$/, '')}.`,
    },
    ...adviceBlocks(told.advice, 'What you can do'),
    { kind: 'sentence', text: 'Only you can do this; no administrator has to change anything for it.' },
  ];
  return compose(
    { ...paper, to: [to] },
    {
      subject: `${told.user}, how to submit jobs on ${told.host} again`,
      otherwise: `how to submit jobs again (${checkedId(told.incident)})`,
      incident: null,
      place: 'alone',
      footer:
        'Sent by Readmit because your request was refused. You are told the same thing at most once in a while. It never asks for a password.',
      blocks,
    },
  );
}
