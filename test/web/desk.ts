/**
 * A desk in memory with a believable week on it, for the tests of the pages and for their pictures. It keeps the rules
 * of a desk as far as a page can notice them: votes are for one digest, of different people, and counted once.
 */
import type { Desk, Health, IncidentDetail, IncidentRow, Person } from '../../src/desk.ts';
import { planDigest } from '../../src/digest.ts';
import { isEnded, NotFound, Refused } from '../../src/incident.ts';
import type { Decision, Vote } from '../../src/plan.ts';
import { health } from './a-week/health.ts';
import { DAY, HOUR, MIN } from './a-week/incident.ts';
import { incidentsOfTheWeek } from './a-week/incidents.ts';
import { audit, grants, isPerson, matrix, timeline } from './a-week/past.ts';

export interface MemoryDesk extends Desk {
  /** Everything that changed something, in order. */
  deeds: string[];
  all: IncidentDetail[];
  healthNow: Health;
  /** Puts another plan in the place of an incident's, as a rebuild after drift does. */
  drift(id: string): string;
  tellChange(ids: string[]): void;
  listeners(): number;
}

export function memoryDesk(now: () => number): MemoryDesk {
  const start = now();
  const at = (ago: number): string => new Date(start - ago).toISOString();
  const all = incidentsOfTheWeek(at);
  const deeds: string[] = [];
  const listeners = new Set<(ids: string[]) => void>();
  const find = (id: string): IncidentDetail => {
    const found = all.find(i => i.id === id);
    if (!found) throw new NotFound(`no incident ${id}`);
    return found;
  };
  let told = 0;
  const tellChange = (ids: string[]): void => {
    told++;
    for (const l of listeners) l(ids);
  };
  const changed = (i: IncidentDetail, who: string, what: string): IncidentRow => {
    const when = new Date(now()).toISOString();
    i.updated = when;
    i.history.push({ at: when, who, what });
    deeds.push(`${who} ${what}`);
    tellChange([i.id]);
    return i;
  };
  const healthNow = health(at);
  return {
    deeds,
    all,
    healthNow,
    tellChange,
    listeners: () => listeners.size,
    drift(id) {
      const plan = find(id).plan!;
      plan.serial++;
      plan.digest = planDigest({
        host: 'claw-head-01',
        subject: plan.subject,
        steps: plan.full,
        undo: plan.undoSteps,
        tier: 1,
        assumes: { serial: plan.serial },
      });
      return plan.digest;
    },
    incidents: filter =>
      all
        .filter(i => (filter?.state ? i.state === filter.state : filter?.all !== false || !isEnded(i.state)))
        .filter(i => !filter?.before || Number(i.id) < filter.before)
        .filter(i => (!filter?.kind || i.kind === filter.kind) && (!filter?.key || i.key === filter.key))
        .slice(0, filter?.limit ?? all.length),
    show: id => structuredClone(find(id)),
    vote(vote: Vote) {
      throw new Refused(`no signed votes here: ${vote.id}`);
    },
    voteAs(person: Person, id: string, digest: string, decision: Decision, reason: string) {
      const i = find(id);
      if (i.state !== 'proposed' || !i.plan) throw new Refused('not proposed');
      if (i.plan.digest !== digest) throw new Refused('another plan');
      if (i.votes.some(v => v.by === person.name)) throw new Refused('one vote each');
      i.votes.push({ by: person.name, at: new Date(now()).toISOString(), decision });
      if (decision === 'deny') i.state = 'denied';
      else if (--i.needs === 0) i.state = 'approved';
      return changed(i, person.name, `${decision} ${id}${reason ? `: ${reason}` : ''}`);
    },
    undo(person, id, _grant, reason) {
      const i = find(id);
      i.state = 'undone';
      return changed(i, person.name, `undo ${id}${reason ? `: ${reason}` : ''}`);
    },
    retry(person, id) {
      const i = find(id);
      i.state = 'open';
      return changed(i, person.name, `retry ${id}`);
    },
    endBy(person, id, until) {
      const i = find(id);
      changed(i, person.name, `end ${id} by ${until}`);
      return i;
    },
    silence(person, id, until, reason) {
      const i = find(id);
      i.marks = ['silenced'];
      return changed(i, person.name, `silence ${id} until ${until}: ${reason}`);
    },
    handOver(person, id, to, note) {
      const i = find(id);
      i.state = 'escalated';
      i.takenBy = to;
      return changed(i, person.name, to ? `hand over ${id} to ${to}: ${note}` : `give back ${id}`);
    },
    blocked: () => blocked(all),
    grants: filter =>
      grants(at)
        .filter(g => filter?.ended === undefined || (g.ended !== null) === filter.ended)
        .filter(g => !filter?.before || g.since < filter.before.since)
        .sort((a, b) => Date.parse(b.since) - Date.parse(a.since))
        .slice(0, filter?.limit ?? 1000),
    grantCounts: () => ({
      people: new Set(grants(at).flatMap(g => (g.ended ? [] : [g.user]))).size,
      inForce: grants(at).filter(g => !g.ended).length,
      ending: grants(at).filter(g => !g.ended && g.until).length,
      ended: grants(at).filter(g => g.ended).length,
    }),
    health: () => healthNow,
    timeline: from => timeline(start).filter(p => Date.parse(p.hour) >= from),
    matrix: () => matrix(),
    seen: () => {
      const names = [...new Set(matrix().map(c => c.user))];
      const people = names.filter(isPerson).length;
      return { people, names: names.length - people, addresses: new Set(matrix().map(c => c.ip)).size };
    },
    people: ({ account, q = '', after, limit }) => {
      const names = [...new Set(matrix().map(c => c.user))]
        .filter(name => isPerson(name) === (account === 'user') && name.startsWith(q))
        .sort();
      const from = after ? names.indexOf(after) + 1 : 0;
      const rows = names.slice(from, from + limit).map(name => {
        const cells = matrix().filter(c => c.user === name);
        return {
          name,
          account: isPerson(name) ? 'user' : 'unknown',
          denials: cells.reduce((n, c) => n + c.count, 0),
          addresses: cells.length,
          first: at(9 * DAY),
          last: at(20 * MIN),
          blocked: all.find(i => i.kind === 'user' && i.key === name && !isEnded(i.state))?.id ?? null,
          grants: grants(at).filter(g => g.user === name && !g.ended).length,
        };
      });
      return { rows, next: from + limit < names.length ? (rows.at(-1)?.name ?? null) : null };
    },
    person: name => {
      const cells = matrix().filter(c => c.user === name);
      const incidents = all.filter(i => i.key === name);
      const own = grants(at).filter(g => g.user === name);
      if (!cells.length && !incidents.length && !own.length) throw new NotFound(`nothing is known of ${name}`);
      const denials = cells.reduce((n, c) => n + c.count, 0);
      return {
        name,
        account: isPerson(name) ? 'user' : 'unknown',
        denials,
        first: at(9 * DAY),
        last: at(20 * MIN),
        timeline: denials ? [{ hour: at(3 * HOUR), cause: 'openclaw/missing-group', count: denials }] : [],
        places: cells.map(c => ({ ip: c.ip, count: c.count, last: at(20 * MIN) })),
        incidents,
        grants: own,
        groups: own.map(g => ({
          group: g.group,
          host: g.host,
          since: g.since,
          addedBy: 'readmit' as const,
          until: g.ended,
          removedBy: g.ended ? ('others' as const) : null,
        })),
        told: [{ at: at(DAY), cause: 'openclaw/stale-session' }],
      };
    },
    addresses: ({ limit }) => ({
      rows: [...new Set(matrix().map(c => c.ip))].slice(0, limit).map(ip => {
        const cells = matrix().filter(c => c.ip === ip);
        return {
          ip,
          key: ip,
          denials: cells.reduce((n, c) => n + c.count, 0),
          names: cells.length,
          first: at(9 * DAY),
          last: at(20 * MIN),
          shared: ip === '192.168.1.103',
        };
      }),
      next: null,
    }),
    address: ip => {
      const cells = matrix().filter(c => c.ip === ip);
      const incidents = all.filter(i => i.kind === 'address' && i.key === ip);
      if (!cells.length && !incidents.length) throw new NotFound(`nothing is known of ${ip}`);
      const denials = cells.reduce((n, c) => n + c.count, 0);
      return {
        ip,
        denials,
        first: at(9 * DAY),
        last: at(20 * MIN),
        shared: false,
        timeline: [{ hour: at(3 * HOUR), cause: 'unexplained', count: denials }],
        people: cells.map(c => ({
          name: c.user,
          account: isPerson(c.user) ? 'user' : 'unknown',
          count: c.count,
          last: at(20 * MIN),
        })),
        incidents,
      };
    },
    hits: () => ({
      lines: [
        { event: 'denied', log: 'server', lines: 4012, last: at(20 * MIN) },
        { event: 'denied', log: 'client', lines: 388, last: at(21 * MIN) },
      ],
      causes: [{ cause: 'openclaw/missing-group', incidents: 12, open: 2, last: at(78 * MIN) }],
    }),
    searchAudit: (text, before, limit) =>
      audit(start)
        .filter(
          e => (before === null || e.seq < before) && `${e.actor} ${e.what} ${e.incident} ${e.digest}`.includes(text),
        )
        .reverse()
        .slice(0, limit),
    chain: () => ({ entries: 240, head: audit(start).at(-1)!.digest, verified: 240, at: at(0), bad: null }),
    audit: (from = -1, limit = 200) => {
      const entries = audit(start);
      return from < 0 ? entries.slice(-limit).reverse() : entries.filter(e => e.seq >= from).slice(0, limit);
    },
    told: () => told,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function blocked(all: IncidentDetail[]): ReturnType<Desk['blocked']> {
  const open = all.filter(i => i.kind !== 'address' && !isEnded(i.state) && !i.marks.includes('inhibited'));
  const proposed = open.filter(i => i.state === 'proposed');
  const sum = (rows: IncidentDetail[]): number => rows.reduce((n, i) => n + i.users, 0);
  return { people: sum(open), helped: sum(proposed), changes: new Set(proposed.map(i => i.plan?.deed)).size };
}
