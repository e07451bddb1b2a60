/** What an auditor would ask about: single votes, changes that failed, access nothing shows a right to, changes by others. */
import type { GroupHistory, ReportIncident } from './input.ts';
import { inPeriod, type Period } from './period.ts';

export interface Exception {
  /** null: true of the whole period. */
  at: string | null;
  incident: string | null;
  what: string;
}

/** What an auditor would ask about, oldest first; notes on the policy come last. */
export function exceptionsOf(period: Period, groups: readonly GroupHistory[]): Exception[] {
  const dated = [
    ...(period.input.exceptions ?? []).filter(e => inPeriod(period, e.at)),
    ...period.incidents.flatMap(i => ofIncident(period, i)),
    ...singleVotes(period),
    ...period.input.grants
      .filter(g => inPeriod(period, g.since) && g.entitlement === null)
      .map(g => ({
        at: g.since,
        incident: g.incident,
        what: `${g.user} got ${g.group} though nothing showed a right to it; reason given: ${g.reason || 'none'}`,
      })),
    ...groups.flatMap(g =>
      g.changes
        .filter(c => !c.byUs)
        .map(c => ({
          at: c.at,
          incident: null,
          what: `${c.user} was ${c.change} ${c.change === 'added' ? 'to' : 'from'} ${g.group} on ${g.host}, not by Readmit`,
        })),
    ),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const signed = period.incidents
    .flatMap(i => i.votes)
    .filter(v => v.proof === 'session' && inPeriod(period, v.at)).length;
  const notes = [
    ...(signed
      ? [
          `${signed} ${signed === 1 ? 'vote was' : 'votes were'} signed by the server for a signed-in person (policy.proof: session)`,
        ]
      : []),
    ...period.input.policyNotes,
  ];
  return [...dated, ...notes.map(what => ({ at: null, incident: null, what }))];
}

/** What ran, not what the incident offers by now: that can be another plan of another tier, or none. */
function singleVotes(period: Period): { at: string; incident: string; what: string }[] {
  return period.input.runs
    .filter(r => r.what === 'plan' && r.tier === 2 && inPeriod(period, r.at))
    .filter(r => r.result !== 'refused' && r.result !== 'stale')
    .flatMap(({ at, incident, by }) => {
      const yes = [...new Set(by)];
      const under = yes.length === 1 ? `the single vote of ${yes[0]}` : 'no vote on record';
      return yes.length < 2 ? [{ at, incident, what: `a tier 2 plan ran with ${under}` }] : [];
    });
}

function ofIncident(period: Period, incident: ReportIncident): { at: string; incident: string; what: string }[] {
  const found: { at: string; incident: string; what: string }[] = [];
  for (const move of incident.moves) {
    if (!inPeriod(period, move.at) || move.from === move.to) continue;
    if (move.to === 'failed')
      found.push({ at: move.at, incident: incident.id, what: `the change failed: ${move.what}` });
    if (move.to === 'not-effective')
      found.push({ at: move.at, incident: incident.id, what: `the change did not help: ${move.what}` });
    if (move.to === 'undone')
      found.push({ at: move.at, incident: incident.id, what: `the change was taken back: ${move.what}` });
  }
  return found;
}
