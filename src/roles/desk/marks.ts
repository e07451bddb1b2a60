/**
 * The marks that a person puts on an incident: silenced until a time, and taken over by somebody. Both are written into the
 * journal by name; neither widens anything.
 */
import type { Person } from '../../desk.ts';
import { isEnded, Refused, type State } from '../../incident.ts';
import { iso } from '../../iso-time.ts';
import { saveSilence } from '../../store/desk-rows.ts';
import { incident, move, update } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { GIVEN_BACK } from '../../store/waiting.ts';
import { plainReason } from '../conduct/reason.ts';

/** States in which nothing is under way that a person could take over from the middle of. */
const HANDED_OVER: readonly State[] = ['open', 'proposed', 'advised', 'not-effective', 'failed', 'stale', 'escalated'];
const AGAIN_MS = 5000;

/** The end of a silence, epoch ms. @throws Refused when it is none */
export function checkedSilence(now: number, until: string, reason: string): number {
  const end = Date.parse(until);
  if (!(end > now)) throw new Refused('a silence ends in the future');
  if (!plainReason(reason).trim()) throw new Refused('a silence needs a reason');
  return end;
}

/** Mutes what this incident is about until a time, by name and with a reason. @throws Refused */
export function silence(store: Store, now: number, person: Person, id: string, until: string, reason: string): void {
  const i = incident(store, id);
  if (isEnded(i.state)) throw new Refused('this incident has ended; there is nothing to silence');
  const end = checkedSilence(now, until, reason);
  store.tx(() => {
    saveSilence(store, now, {
      matcher: { kind: i.kind, key: i.key, host: i.host },
      until: end,
      author: person.name,
      reason,
    });
    record(store, now, {
      actor: person.name,
      what: `silenced until ${iso(end)}: ${reason}`,
      incident: id,
    });
  });
}

/** Somebody takes the incident over, or (`to` is null) gives it back. While somebody has it, nothing is offered. @throws Refused */
export function handOver(store: Store, now: number, person: Person, id: string, to: string | null, note: string): void {
  store.tx(() => {
    const i = incident(store, id);
    plainReason(note);
    if (to === null) {
      if (i.takenBy === null) throw new Refused('nobody has taken this over');
      record(store, now, {
        actor: person.name,
        what: `${GIVEN_BACK}${note ? `: ${note}` : ''}`,
        incident: id,
      });
      return update(store, now, id, { takenBy: null, note: '', due: now });
    }
    if (!to.trim()) throw new Refused('say who takes it over');
    plainReason(to, 'the name');
    if (!HANDED_OVER.includes(i.state)) throw new Refused(`an incident that is ${i.state} can't be handed over`);
    const what = `handed over to ${to}${note ? `: ${note}` : ''}`;
    const change = { takenBy: to, note, plan: null, due: now + AGAIN_MS };
    if (i.state === 'escalated') {
      record(store, now, { actor: person.name, what, incident: id });
      update(store, now, id, change);
    } else move(store, now, id, i.state, 'escalated', { actor: person.name, what }, change);
  });
}
