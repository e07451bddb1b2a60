/**
 * The weekly report from the store: gathers the rows a period needs, and sees to it that each ISO week is mailed once.
 * The row in `report` makes it once; node-cron only wakes.
 */
import { loadApprovers } from '../approve/approvers.ts';
import { type Config, originOf } from '../config.ts';
import type { Account, EventName, State } from '../incident.ts';
import type { Logger } from '../log.ts';
import type { Rendered } from '../notify/letters/weekly.ts';
import type { GroupHistory, ReportIncident, ReportInput } from '../report/input.ts';
import { isoWeek, nextWeek, previousWeek, weekRange } from '../report/iso-week.ts';
import { contentIds, drawPictures } from '../report/pictures.ts';
import { renderCsv, renderHtml, renderJson, renderMail, renderText } from '../report/render.ts';
import { startSchedule } from '../report/schedule.ts';
import { headline, type WeekReport, weekNumbers, weekReport } from '../report/week.ts';
import { allVotesOf, grantRows, lastRun, planOf } from '../store/approvals.ts';
import { blindRows, claimWeek, installedAt, weeksQueued } from '../store/desk-rows.ts';
import { membershipRows } from '../store/history.ts';
import { type IncidentRecord, incidents } from '../store/incidents.ts';
import { journal, journalOf, record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import { enqueue } from '../store/outbox.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

export function reportInput(
  store: Store,
  config: Config,
  now: number,
  range: { from: string; to: string },
  week: string | null,
): ReportInput {
  const from = Date.parse(range.from);
  const to = Date.parse(range.to);
  const roles = rolesOf(config);
  const concerned = incidents(store, 100_000).filter(i => i.openedMs < to);
  return {
    title: config.report.title,
    week,
    range,
    timezone: config.report.timezone,
    made: iso(now),
    hosts: store.all<{ host: string }>('SELECT DISTINCT host FROM source ORDER BY host').map(r => r.host),
    tallies: hours(store, from, to),
    incidents: concerned.map(i => reportIncident(store, i, roles)),
    grants: grantRows(store).map(g => ({
      ...g,
      since: iso(g.since),
      until: g.until === null ? null : iso(g.until),
      ended: g.ended === null ? null : iso(g.ended),
      effective: journalOf(store, g.incident).find(e => stateOf(e.after) === 'resolved')?.time ?? null,
      executor: `executor on ${g.host}`,
    })),
    groups: groupHistories(store, from, to),
    blind: blindRows(store, from, to).map(b => ({
      host: String(b.host),
      source: String(b.path),
      from: iso(Number(b.since)),
      to: b.until === null ? null : iso(Number(b.until)),
      why: String(b.why),
    })),
    audit: journal(store, -1, 1).map(e => ({ seq: e.seq, digest: e.digest }))[0] ?? null,
    policyNotes: policyNotes(config),
    exceptions: journal(store, 1, 1_000_000)
      .filter(e => e.what.startsWith('the undo was ') && Date.parse(e.time) >= from && Date.parse(e.time) < to)
      .map(e => ({ at: e.time, incident: e.incident, what: e.what })),
    previous: null,
  };
}

function hours(store: Store, from: number, to: number): ReportInput['tallies'] {
  return store
    .all(
      `SELECT h.hour, h.host, h.event, h.user, h.ip, h.account, h.incident, i.cause, sum(h.count) AS count
       FROM hour h LEFT JOIN incident i ON i.id = h.incident WHERE h.hour >= ? AND h.hour < ?
       GROUP BY h.hour, h.host, h.event, h.user, h.ip, h.account, h.incident`,
      Math.floor(from / 3_600_000) * 3_600_000,
      to,
    )
    .map(r => ({
      hour: iso(Number(r.hour)),
      user: (r.user as string) || null,
      ip: (r.ip as string) || null,
      event: r.event as EventName,
      cause: r.cause as string | null,
      count: Number(r.count),
      host: String(r.host),
      incident: Number(r.incident) ? String(r.incident) : null,
      account: r.account as Account,
    }));
}

const stateOf = (value: unknown): State | null => (value as { state?: State } | null)?.state ?? null;

function reportIncident(store: Store, i: IncidentRecord, roles: (name: string) => string[]): ReportIncident {
  const moves = journalOf(store, i.id)
    .filter(e => stateOf(e.after) !== null)
    .map(e => ({ at: e.time, who: e.actor, from: stateOf(e.before), to: stateOf(e.after)!, what: e.what }));
  const plan = i.plan ?? planOf(store, i.id, i.serial) ?? null;
  return {
    id: i.id,
    kind: i.kind,
    key: i.key,
    host: i.host,
    cause: i.cause,
    opened: i.opened,
    state: i.state,
    ended: ['resolved', 'expired', 'undone'].includes(i.state) ? (moves.at(-1)?.at ?? null) : null,
    users: i.users,
    count: i.count,
    tier: i.tier,
    moves,
    votes: allVotesOf(store, i.id).map(v => ({
      by: v.by,
      roles: roles(v.by),
      at: v.issued,
      decision: v.decision,
      reason: v.reason,
      proof: v.proof,
      digest: v.digest,
    })),
    plan: plan && {
      serial: plan.serial,
      digest: plan.digest,
      summary: plan.summary,
      steps: plan.steps,
      gains: plan.gains,
      entitlement: plan.entitlement,
      subject: plan.subject,
    },
    outcome: lastRun(store, i.id, 'plan')?.outcome ?? null,
    inhibitedBy: i.inhibitedBy,
  };
}

function rolesOf(config: Config): (name: string) => string[] {
  let known: { name: string; roles: string[] }[] = [];
  try {
    known = loadApprovers(config.approvers).approvers;
  } catch {
    // A report must come out even when the approvers file is broken; `doctor` says that it is.
  }
  return name => known.find(a => a.name === name)?.roles ?? [];
}

function groupHistories(store: Store, from: number, to: number): GroupHistory[] {
  const seen = store.all<{ host: string; group: string; first: number }>(
    'SELECT host, "group" AS "group", first FROM group_seen ORDER BY host, "group"',
  );
  const rows = membershipRows(store);
  return seen.map(({ host, group, first }) => {
    const mine = rows.filter(r => r.host === host && r.group === group);
    const at = (t: number): string[] | null =>
      Number(first) > t
        ? null
        : mine
            .filter(r => r.since <= t && (r.until === null || r.until > t))
            .map(r => r.user)
            .sort();
    return {
      host,
      group,
      start: at(from),
      end: at(to),
      changes: mine
        .flatMap(r => [
          ...(r.initial || r.since < from || r.since >= to
            ? []
            : [{ at: iso(r.since), user: r.user, change: 'added' as const, byUs: r.addedBy !== null }]),
          ...(r.until === null || r.until < from || r.until >= to
            ? []
            : [{ at: iso(r.until), user: r.user, change: 'removed' as const, byUs: r.removedBy !== null }]),
        ])
        .sort((a, b) => a.at.localeCompare(b.at)),
    };
  });
}

/** What the reader should know of how this site decides. */
function policyNotes(config: Config): string[] {
  const { tiers, proof, manager } = config.policy;
  return [
    ...(tiers[2].votes < 2 ? ['Changes of tier 2 need one vote at this site, not two.'] : []),
    ...(proof === 'session' ? ['The page signs votes for the signed-in person (policy.proof: session).'] : []),
    ...(manager ? [`${manager} owns the targets: plans are exported, never run by Readmit.`] : []),
  ];
}

/** The week before the one that `now` lies in. */
export const lastWholeWeek = (config: Config, now: number): string =>
  previousWeek(isoWeek(now, config.report.timezone));

/** @throws Usage for a week that is none */
export function weekReportOf(store: Store, config: Config, now: number, week: string | null): WeekReport {
  const label = week ?? lastWholeWeek(config, now);
  const { timezone } = config.report;
  const before = previousWeek(label);
  const previous = weekNumbers(reportInput(store, config, now, weekRange(before, timezone), before));
  return weekReport({ ...reportInput(store, config, now, weekRange(label, timezone), label), previous });
}

/** The week as a mail, with pictures where they can be drawn. */
export async function renderedWeek(
  store: Store,
  config: Config,
  now: number,
  week: string,
  log: Pick<Logger, 'warn'>,
): Promise<Rendered> {
  const report = weekReportOf(store, config, now, week);
  const drawn = await drawPictures(report);
  if (drawn.kind === 'cannot') log.warn({ reason: drawn.why }, 'pictures of the report can not be drawn');
  const pictures = drawn.kind === 'drawn' ? drawn.pictures : [];
  const mail = renderMail(report, `${originOf(config)}/report?week=${week}`, contentIds(pictures));
  return {
    week,
    headline: headline(report),
    text: mail.text,
    html: mail.html,
    csv: renderCsv(report),
    json: renderJson(report),
    pictures,
  };
}

/** A week as the page shows it; by default the one we are in, so that what was done a minute ago is there. */
export function reportPageOf(
  store: Store,
  config: Config,
  now: number,
  week: string | null,
): { week: string; title: string; html: string; previous: string | null; next: string | null } {
  const current = isoWeek(now, config.report.timezone);
  const label = week ?? current;
  const report = weekReportOf(store, config, now, label);
  return {
    week: label,
    title: report.title,
    html: renderHtml(report, { dress: 'document' }),
    previous: previousWeek(label),
    next: label < current ? nextWeek(label) : null,
  };
}

/** A week for programs; by default the one we are in. The same bytes as `readmit report --json`, `--csv` and plain. */
export function reportFor(
  store: Store,
  config: Config,
  now: number,
  week: string | null,
  format: 'json' | 'csv' | 'text',
): { week: string; body: string } {
  const label = week ?? isoWeek(now, config.report.timezone);
  const report = weekReportOf(store, config, now, label);
  return {
    week: label,
    body: format === 'json' ? renderJson(report) : format === 'csv' ? renderCsv(report) : renderText(report),
  };
}

/** The report of a week as a file for the auditor. */
export function reportFileOf(store: Store, config: Config, now: number, week: string, format: 'csv' | 'json'): string {
  const report = weekReportOf(store, config, now, week);
  return format === 'csv' ? renderCsv(report) : renderJson(report);
}

/**
 * Has a week's report mailed now, beside the one that goes out by itself.
 * @param to null: to everybody who gets it
 */
export function askForReport(store: Store, now: number, by: string, week: string, to: string | null): void {
  store.tx(() => {
    const payload = { letter: 'report', week, ...(to === null ? {} : { to: [to] }) };
    enqueue(store, now, { key: `report-${week}-${to ?? 'all'}-${now}`, channel: 'mail', payload });
    record(store, now, { actor: by, what: `asked for the report of ${week} by mail${to === null ? '' : `, to ${to}`}` });
  });
}

export function startReports(store: Store, config: Config, now: () => number, log: Logger): { stop(): void } {
  return startSchedule({
    cron: config.report.cron,
    timezone: config.report.timezone,
    now,
    since: installedAt(store),
    failed: error => log.error({ err: error }, 'weekly report could not be made'),
    sent: () => weeksQueued(store),
    send: week => {
      const claimed = store.tx(() => {
        if (!claimWeek(store, now(), week)) return false;
        const empty = !config.report.sendEmpty && weekReportOf(store, config, now(), week).empty;
        if (!empty)
          enqueue(store, now(), { key: `report-${week}`, channel: 'mail', payload: { letter: 'report', week } });
        return true;
      });
      if (claimed) log.info({ week }, 'weekly report queued');
    },
  });
}
