/** Tells the person that the door is open again, and what they still have to do for their session to notice. */
import type { Step } from '../../plan.ts';
import { checkedId, type MailSite, userAddress } from '../address.ts';
import type { Block } from '../blocks.ts';
import { compose, type Letter, type Paper } from '../letter.ts';
import { when } from '../times.ts';

export interface Restored {
  user: string;
  host: string;
  incident: string;
  steps: Step[];
}

/** @returns null when the site writes to nobody, or the name can't be an address */
export function accessRestored(restored: Restored, paper: Paper, site: MailSite): Letter | null {
  const to = userAddress(restored.user, site);
  if (to === null) return null;
  const { user, host } = restored;
  const joined = restored.steps
    .filter(s => s.action === 'group.add' || s.action === 'directory.group-add')
    .filter(s => s.user === user);
  const blocks: Block[] = [
    { kind: 'headline', text: `${user}, you can submit jobs on ${host} again` },
    {
      kind: 'sentence',
      text: joined.length
        ? `An administrator approved it: you are now in ${joined.map(s => s.group).join(' and ')}.`
        : 'The scheduler was changed so that your requests are accepted.',
    },
  ];
  for (const step of joined)
    blocks.push(
      { kind: 'sentence', text: 'A session that was open before does not know it yet. Log out and in again, or run:' },
      { kind: 'code', lines: [`newgrp ${step.group}`] },
      ...(step.until
        ? [{ kind: 'sentence' as const, text: `This access ends at ${when(step.until, paper.timezone)}.` }]
        : []),
    );
  return compose(
    { ...paper, to: [to] },
    {
      subject: `${user}, you can submit jobs on ${host} again`,
      otherwise: `you can submit jobs again (${checkedId(restored.incident)})`,
      incident: null,
      place: 'alone',
      footer: 'Sent by Readmit because your request was refused earlier. It never asks for a password.',
      blocks,
    },
  );
}
