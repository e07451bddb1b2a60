/**
 * A letter as JSON for a program of the site's own, signed as Standard Webhooks says (github.com/standard-webhooks): HMAC
 * with SHA-256 over id, time and body. Whoever checks the signature, refuses what is older than five minutes and
 * remembers the ids of that time can't be told anything twice or by anybody else.
 */
import { createHmac } from 'node:crypto';
import type { IncidentRow } from '../desk.ts';
import { sha256 } from '../digest.ts';
import { blocksToText, tame } from './blocks.ts';
import type { Letter } from './letter.ts';

/** The body. `incident` is null for a digest. */
export const signedBody = (what: string, letter: Letter, row: IncidentRow | null, link: string, now: number): string =>
  JSON.stringify({
    type: `readmit.${what}`,
    timestamp: new Date(now).toISOString(),
    data: {
      subject: tame(letter.subject),
      text: blocksToText(
        letter.blocks.filter(b => b.kind !== 'link'),
        '',
      ).replace(/\n+-- \n\s*$/, '\n'),
      link,
      incident: row && {
        id: row.id,
        kind: row.kind,
        key: tame(row.key),
        host: row.host,
        state: row.state,
        cause: row.cause,
        tier: row.tier,
        needs: row.needs,
        count: row.count,
        users: row.users,
        opened: row.opened,
        headline: tame(row.headline),
      },
    },
  });

/** The bytes of a secret: after `whsec_` they are base64, else the text itself. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8');

/**
 * `webhook-id` is the same however often one message is sent; `webhook-timestamp` is when it was sent this time, in
 * seconds; `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`.
 * @param key of the message's outbox row
 */
export function signature(key: string, body: string, secret: string, now: number): Record<string, string> {
  const id = `msg_${sha256(key).slice(0, 32)}`;
  const timestamp = String(Math.floor(now / 1000));
  const mac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
}
