/** Hands a letter to a receiver in the receiver's own form. Alertmanager is not among them: it takes incidents. */
import type { Receiver } from '../config/notify.ts';
import type { IncidentRow } from '../desk.ts';
import { Refused } from '../incident.ts';
import { mattermostMessage } from './chats/mattermost.ts';
import { slackMessage } from './chats/slack.ts';
import { teamsMessage } from './chats/teams.ts';
import { incidentLink, type Letter, type Paper } from './letter.ts';
import type { Mailer } from './mail.ts';
import { postJson, readSecret } from './post-json.ts';
import { signature, signedBody } from './signed.ts';

export interface Delivered {
  /** What the letter is: `alert`, `reminder`, … */
  what: string;
  letter: Letter;
  row: IncidentRow | null;
  paper: Paper;
  /** Epoch ms. */
  now: number;
}

/**
 * @returns the addresses that were refused while others were taken
 * @throws Refused when it will never be taken; Retry when it may be later; Doubtful when that is not clear
 */
export async function deliver(receiver: Receiver, mailer: Mailer | null, d: Delivered): Promise<string[]> {
  switch (receiver.type) {
    case 'mail':
      if (!mailer) throw new Refused('no mail configured');
      return (await mailer.send(d.letter)).refused;
    case 'slack':
      return await toChat(receiver, slackMessage(d.letter));
    case 'mattermost':
      return await toChat(receiver, mattermostMessage(d.letter));
    case 'teams':
      return await toChat(receiver, teamsMessage(d.letter));
    case 'webhook': {
      const { name, url, caFile } = receiver;
      const link = d.row ? incidentLink(d.paper, d.row.id) : `${d.paper.origin}/`;
      const body = signedBody(d.what, d.letter, d.row, link, d.now);
      const headers = signature(d.paper.key, body, readSecret(name, receiver.secretFile), d.now);
      await postJson({ name, url, caFile }, body, headers);
      return [];
    }
    case 'alertmanager':
      throw new Refused('an Alertmanager takes no letters');
    default:
      return receiver satisfies never;
  }
}

async function toChat(to: Extract<Receiver, { urlFile: string }>, message: object): Promise<string[]> {
  const { name, urlFile, caFile } = to;
  await postJson({ name, url: readSecret(name, urlFile), caFile }, JSON.stringify(message));
  return [];
}
