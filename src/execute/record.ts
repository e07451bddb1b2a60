/**
 * How runs, steps and votes are written into the audit file and the ledger: whole enough to be checked later, and
 * without what may be a secret.
 */
import { sha256, voteBytes } from '../digest.ts';
import type { Order } from '../messages.ts';
import type { Outcome, Vote } from '../plan.ts';
import type { OrderStep } from './checks.ts';

/** Who the audit names when it was nobody's vote. */
export const ACTOR = 'readmit-exec';

export const nameOf = ({ run, what, incident, serial }: Pick<Order, 'run' | 'what' | 'incident' | 'serial'>) => ({
  run,
  what,
  incident,
  serial,
});

/** A step as the audit keeps it: all of it but the diff, whose context may hold a neighbour's secret. */
export function brief(step: OrderStep): Record<string, unknown> {
  if (!('diff' in step)) return { ...step };
  const { diff: _, ...rest } = step;
  return rest;
}

export const briefVote = ({ id, by, uid, decision, issued, proof, reason, assertion }: Vote) => ({
  id,
  by,
  uid,
  decision,
  issued,
  proof,
  ...(assertion ? { passkey: assertion.credential } : {}),
  reason,
});

/** Tells two votes of one id apart: every field, the signature, and what a passkey's is over. */
export const hashOf = (vote: Vote): string => {
  const { assertion } = vote;
  const beside = assertion ? `${assertion.credential}.${assertion.authenticatorData}.${assertion.clientData}` : '';
  return sha256(Buffer.concat([voteBytes(vote), Buffer.from(vote.signature), Buffer.from(beside)]));
};

/** What a message has room for (`OutcomeSchema`): an answer that doesn't fit would be asked for for ever. */
const ROOM = { text: 4096, steps: 16 };
const cut = (text: string): string => (text.length > ROOM.text ? `${text.slice(0, ROOM.text - 1)}…` : text);

/** The outcome as it is told. */
export const fitting = ({ result, detail, steps }: Outcome): Outcome => ({
  result,
  detail: cut(detail),
  steps: steps
    .slice(0, ROOM.steps)
    .map(s => ({ action: s.action, result: cut(s.result), before: cut(s.before), after: cut(s.after) })),
});

/** What a step changes, in one word, for limits per unit. */
export function targetOf(step: OrderStep): string {
  switch (step.action) {
    case 'group.add':
    case 'group.remove':
    case 'directory.group-add':
    case 'directory.group-remove':
      return step.group;
    case 'config.authorize-group':
    case 'config.restore':
      return step.file;
    case 'service.restart':
    case 'service.start':
      return step.unit;
    default:
      return step satisfies never;
  }
}
