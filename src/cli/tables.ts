/** How incidents and grants look in a terminal: a sentence first, then the proof. Text from logs is made visible. */
import { adviceHeading, type Grant, type IncidentDetail, type IncidentRow, saidNow } from '../desk.ts';
import { alsoSaid } from '../diagnosis.ts';
import { factSaid, factWords } from '../fact-words.ts';
import { lacksEntitlement } from '../plan.ts';
import { shellWords } from '../shell-word.ts';
import { visible } from '../visible.ts';

const pad = (rows: string[][]): string => {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map(r => r[c]!.length)));
  return rows
    .map(r =>
      r
        .map((cell, c) => (c === r.length - 1 ? cell : cell.padEnd(widths[c]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** As the heading says: UTC, like every time in the journal, whoever's terminal it is. */
const when = (iso: string): string => iso.slice(0, 16).replace('T', ' ');

export const incidentTable = (rows: IncidentRow[]): string =>
  pad([
    ['ID', 'STATE', 'OPENED (UTC)', 'COUNT', 'NEEDS', 'WHAT'],
    ...rows.map(r => [
      r.id,
      r.state + (r.marks.length ? ` (${r.marks.join(', ')})` : ''),
      when(r.opened),
      String(r.count),
      r.needs ? `${r.needs} vote${r.needs > 1 ? 's' : ''}` : '',
      visible(r.headline),
    ]),
  ]);

export function incidentPage(d: IncidentDetail): string {
  const { now, was } = saidNow(d);
  const out: string[] = [
    visible(now),
    ...(was === null ? [] : [`It was: ${visible(was)}`]),
    '',
    `Incident ${d.id} on ${d.host}: ${d.state}, ${d.count} ${d.count === 1 ? 'denial' : 'denials'}, ${d.users} ${d.users === 1 ? 'user' : 'users'}, since ${when(d.opened)} UTC`,
    visible(d.next),
  ];
  if (d.diagnosis) {
    out.push('', `Cause: ${d.diagnosis.cause ?? 'none known'}`);
    for (const e of d.diagnosis.evidence) {
      const { words, value } = factSaid(e.fact, e.value);
      out.push(`  + ${named(e.fact, words)}${value === null ? '' : `: ${visible(value)}`}   (${visible(e.source)})`);
    }
    for (const a of d.diagnosis.also) out.push(`  also: ${visible(alsoSaid(a))}`);
  }
  if (d.plan) {
    out.push('', `Plan ${d.plan.serial}: ${visible(d.plan.summary)}`, `  digest: ${d.plan.digest}`);
    for (const s of d.plan.steps)
      out.push(
        ...('argv' in s ? [`  $ ${visible(shellWords(s.argv))}`] : s.diff.split('\n').map(l => `  ${visible(l)}`)),
      );
    out.push(
      `  gains access: ${d.plan.gains.join(', ') || 'nobody'}; loses it: ${d.plan.loses.join(', ') || 'nobody'}`,
    );
    out.push(
      `  entitlement: ${d.plan.entitlement ?? (lacksEntitlement(d.plan) ? 'nothing shows one; give a reason' : 'none is needed')}`,
    );
    for (const n of d.plan.notes) out.push(`  note: ${visible(n)}`);
    out.push(
      `  undo: ${d.plan.undo || 'none'}`,
      `  votes: ${d.votes.map(v => `${v.by} ${v.decision}${v.lapsed ? ' (counts no more)' : ''}`).join(', ') || 'none'}; ${d.needs} missing; good until ${d.plan.expires}`,
    );
    if (d.needs) out.push('', `  readmit approve ${d.id} --as NAME      readmit deny ${d.id} --as NAME --reason TEXT`);
  }
  if (d.diagnosis)
    out.push(
      ...adviceLines(d),
      '',
      'Ruled out',
      ...d.diagnosis.ruledOut.map(r => `  ${r.cause}: ${visible(r.because)}`),
    );
  if (d.diagnosis?.unknown.length)
    out.push('', 'Not known', ...d.diagnosis.unknown.map(u => `  ${named(u.fact)}: ${visible(u.because)}`));
  out.push('', 'History');
  for (const h of d.history) out.push(`  ${h.at}  ${h.who}: ${visible(h.what)}`);
  if (d.told?.length) out.push('', 'Told');
  for (const t of d.told ?? []) out.push(`  ${t.at}  ${t.to}, ${t.letter}: ${visible(t.state)}`);
  return out.join('\n');
}

/** In words, with the name that the rules have for it. */
function named(fact: string, words = factWords(fact)): string {
  return visible(words === fact ? fact : `${words} [${fact}]`);
}

function adviceLines(d: IncidentDetail): string[] {
  const advice = d.diagnosis?.advice;
  if (!advice) return [];
  return [
    '',
    visible(adviceHeading(d)),
    `  ${visible(advice.text)}`,
    ...advice.commands.map(c => `  $ ${visible(c)}`),
    ...(advice.check ? [`  then: ${visible(advice.check)}`] : []),
  ];
}

export const grantLines = (grants: Grant[]): string =>
  pad([
    ['INCIDENT', 'USER', 'GROUP', 'HOST', 'SINCE (UTC)', 'UNTIL (UTC)', 'BY', 'WHY'],
    ...grants.map(g => [
      g.incident,
      g.user,
      g.group,
      g.host,
      when(g.since),
      g.ended ? `ended ${when(g.ended)}` : g.until ? when(g.until) : 'open',
      g.by.join(', '),
      visible(g.reason || g.entitlement || ''),
    ]),
  ]);
