/** Tells the person that access given for a while ends soon, so that they can ask for more before it does. */
import { checkedId, type MailSite, userAddress } from '../address.ts';
import { compose, type Letter, type Paper } from '../letter.ts';
import { when } from '../times.ts';

export interface Ending {
  user: string;
  group: string;
  host: string;
  incident: string;
  /** ISO. */
  until: string;
}

/** @returns null when the site writes to nobody, or the name can't be an address */
export function accessEnds(
  { user, group, host, incident, until }: Ending,
  paper: Paper,
  site: MailSite,
): Letter | null {
  const to = userAddress(user, site);
  if (to === null) return null;
  const end = when(until, paper.timezone);
  return compose(
    { ...paper, to: [to] },
    {
      subject: `${user}, your access to ${host} ends soon`,
      otherwise: `your access ends soon (${checkedId(incident)})`,
      incident: null,
      place: 'alone',
      footer: 'Sent by Readmit because this access was given for a while. It never asks for a password.',
      blocks: [
        { kind: 'headline', text: `${user}, your access to ${host} ends at ${end}` },
        { kind: 'sentence', text: `You are taken out of ${group} then. Jobs that run go on; new ones are refused.` },
        { kind: 'sentence', text: 'If you need it for longer, ask your administrators before that day.' },
      ],
    },
  );
}
