/**
 * The rows of one period, and what an incident was like at an instant. A report of an old week must come out the same
 * today as it did then, so nothing that happened later is looked at.
 */
import { isEnded, type State } from '../incident.ts';
import type { HourTally, ReportIncident, ReportInput } from './input.ts';

/** The period, with the rows that lie in it. */
export interface Period {
  from: number;
  /** The end of the period, or now if that is earlier. */
  to: number;
  tallies: HourTally[];
  incidents: ReportIncident[];
  /** Denials of the period by the incident that explains them. */
  deniedIn: ReadonlyMap<string, number>;
  input: ReportInput;
}

/** Cuts the input to its period. */
export function periodOf(input: ReportInput): Period {
  const from = Date.parse(input.range.from);
  const to = Math.min(Date.parse(input.range.to), Math.max(Date.parse(input.made), from));
  const inside = (at: string): boolean => Date.parse(at) >= from && Date.parse(at) < to;
  const tallies = input.tallies.filter(t => inside(t.hour));
  const deniedIn = new Map<string, number>();
  for (const t of tallies)
    if (t.event === 'denied' && t.incident) deniedIn.set(t.incident, (deniedIn.get(t.incident) ?? 0) + t.count);
  return {
    from,
    to,
    input,
    tallies,
    deniedIn,
    incidents: input.incidents.filter(
      i => Date.parse(i.opened) < to && (endedBefore(i, from) === false || i.moves.some(m => inside(m.at))),
    ),
  };
}

export const inPeriod = (period: Period, at: string | null): boolean =>
  at !== null && Date.parse(at) >= period.from && Date.parse(at) < period.to;

/** The state an incident was in just before that instant. */
export function stateAt(incident: ReportIncident, at: number): State {
  const last = incident.moves
    .filter(m => Date.parse(m.at) < at)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .at(-1);
  if (last) return last.to;
  if (incident.moves.length || (incident.ended !== null && Date.parse(incident.ended) >= at)) return 'open';
  return incident.state;
}

const endedBefore = (incident: ReportIncident, at: number): boolean =>
  incident.moves.length ? isEnded(stateAt(incident, at)) : incident.ended !== null && Date.parse(incident.ended) < at;

const strangers = (incidents: readonly ReportIncident[]): Set<string> =>
  new Set(incidents.filter(i => i.kind === 'address').map(i => i.id));

/** Tells denials of people from those of names that exist nowhere, of system accounts, and of what one address tried. */
export function personOf(period: Period): (t: HourTally) => string | null {
  const probed = strangers(period.input.incidents);
  return t => {
    const person =
      (t.account === undefined || t.account === 'user') &&
      !(t.incident != null && probed.has(t.incident)) &&
      causeOf(t.cause) !== 'probing';
    return person ? t.user || null : null;
  };
}

/** Denials of people. */
export function ofPeople(period: Period): (HourTally & { user: string })[] {
  const person = personOf(period);
  return period.tallies.filter((t): t is HourTally & { user: string } => t.event === 'denied' && person(t) !== null);
}

const causeOf = (cause: string | null): string => (cause ?? '').replace(/^[^/]*\//, '');
