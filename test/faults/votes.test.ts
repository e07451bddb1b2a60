/**
 * Plans and votes against the running program: who may still say yes when something has moved, been asked twice or grown
 * old; and what it makes of people who ask again, of lagging sessions, and of a scheduler that is down.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadApprovers } from '../../src/approve/approvers.ts';
import { makeVote, signVote } from '../../src/approve/vote.ts';
import type { IncidentDetail } from '../../src/desk.ts';
import { isoWeek, previousWeek } from '../../src/report/iso-week.ts';
import { askServe, controlSocket } from '../../src/roles/control.ts';
import type { JournalEntry } from '../../src/store/journal.ts';
import {
  type Cluster,
  configOf,
  counted,
  denial,
  executorAudit,
  members,
  proposedFor,
  query,
  startCluster,
  write,
} from './lab.ts';

const asked = (c: Cluster): string[] => readFileSync(join(c.dir, 'var/log/asked.log'), 'utf8').trim().split('\n');

/** A vote on exactly this plan, signed with the administrator's own key and handed in as the command line does. */
async function voteOn(
  c: Cluster,
  incident: string,
  plan: NonNullable<IncidentDetail['plan']>,
  name: string,
): Promise<string> {
  const config = configOf(c);
  const by = loadApprovers(config.approvers).approvers.find(a => a.name === name)!;
  const { serial, digest, expires } = plan;
  const vote = makeVote({
    plan: { host: config.host, incident, serial, digest, expires },
    by,
    decision: 'approve',
    reason: 'seen',
    proof: 'key',
    now: Date.now(),
  });
  try {
    await askServe(
      controlSocket(config),
      'vote',
      signVote(vote, readFileSync(join(config.keys, `${name}.key`), 'utf8')),
    );
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('with the usual settings', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster();
  });
  afterAll(async () => c?.end());

  it('D04: two people approve at the same moment: one execution, and the second is told who did and when', async () => {
    const { id } = await proposedFor(c, 'alice');
    const answers = await Promise.all(
      ['root-ann', 'root-ben'].map(name => c.readmit('approve', id, '--as', name, '--json')),
    );
    expect(answers.map(a => a.code).sort()).toEqual([0, 1]);
    const refused = (JSON.parse(answers.find(a => a.code === 1)!.out) as { refused: string }).refused;
    expect(refused).toMatch(/root-(ann|ben) approved it at \d{4}-\d\d-\d\dT/);
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved', 40_000);
    const late = await c.readmit('approve', id, '--as', 'root-ben', '--json');
    expect(late.code).toBe(1);
    expect(
      asked(c).filter(l => l === 'usermod -aG claw-users alice' || l.endsWith('-aG claw-users alice')),
    ).toHaveLength(1);
    expect(executorAudit(c).filter(e => e.what === 'run.outcome' && e.plan !== null)).toHaveLength(1);
  }, 90_000);

  it('G03: mallory asks again and again: one proposal, one mail that says how often, and the rejection sticks', async () => {
    write(c, ...Array.from({ length: 6 }, () => denial('mallory', '/submit', '192.168.1.166')));
    const seen = await c.incidentOf('a proposal for mallory', i => i.key === 'mallory' && i.state === 'proposed');
    const { plan } = await c.show(seen.id);
    expect(plan!.entitlement).toBeNull();
    const mailsOf = async () =>
      (await c.mails()).filter(m => m.subject.includes('mallory') && m.to.join().includes('root-ann'));
    const mail = await c.until('the mail', async () => (await mailsOf())[0]);
    expect(mail.text).toContain('asked again 5 times');
    expect((await c.readmit('deny', seen.id, '--as', 'root-ben', '--reason', 'not one of ours')).code).toBe(0);
    write(c, ...Array.from({ length: 7 }, () => denial('mallory', '/submit', '192.168.1.166')));
    await c.until('all of it is counted', async () => counted(c, 'mallory') === 13);
    // Facts are taken again at once when the groups change; that is no way around the rejection either.
    await c.practice('break', 'missing-group', 'heidi');
    await c.practice('heal', 'missing-group', 'heidi');
    const after = await c.until('it was looked at again', async () => {
      const i = await c.show(seen.id);
      return i.count === 13 && i;
    });
    expect(after.state).toBe('denied');
    expect((await c.incidents()).filter(i => i.key === 'mallory')).toHaveLength(1);
    expect(await mailsOf()).toHaveLength(1);
    expect(await voteOn(c, seen.id, plan!, 'root-ann')).toContain('denied is final');
    const stored = query<{ until: number }>(c, 'SELECT until FROM denied_digest WHERE digest = ?', plan!.digest)[0]!;
    expect(Number(stored.until) - Date.now()).toBeGreaterThan(23 * 3_600_000);
    expect(members(c, 'claw-users')).not.toContain('mallory');
  }, 90_000);

  it('H04: the group is recorded, the old session still denied: propagating and looked at again, neither fixed nor done twice', async () => {
    await c.practice('break', 'stale-session', 'bob');
    const { id } = await proposedFor(c, 'bob');
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('bob is propagating', i => i.id === id && i.state === 'propagating', 40_000);
    expect(members(c, 'claw-users')).toContain('bob');
    expect((await c.submit('bob')).code).toBe(1);
    const looks = (): number =>
      Number(query<{ n: number }>(c, 'SELECT attempts AS n FROM incident WHERE id = ?', Number(id))[0]!.n);
    const before = looks();
    await c.until('it is looked at again', async () => looks() > before + 1);
    const now = await c.show(id);
    expect(now.state).toBe('propagating');
    expect(now.next).toMatch(/next login|looked at again/);
    expect(asked(c).filter(l => l.endsWith('-aG claw-users bob'))).toHaveLength(2); // the break's own, and ours
    expect((await c.incidents()).filter(i => i.key === 'bob')).toHaveLength(1);
    expect((await c.as('--login', 'bob', 'clw', 'submit', 'test.yaml')).code).toBe(0);
    await c.incidentOf('bob works again', i => i.id === id && i.state === 'resolved', 40_000);
  }, 120_000);

  it('H08: SELinux stands in the way: the hint names ausearch and semanage; setenforce stands nowhere', async () => {
    await c.practice('break', 'selinux');
    expect((await c.submit('carol')).code).toBe(1);
    const seen = await c.incidentOf('selinux', i => i.cause === 'openclaw/selinux');
    const detail =
      JSON.stringify(await c.show(seen.id)) +
      (await c.readmit('show', seen.id)).out +
      (await c.readmit('why', 'carol')).out;
    expect(detail).toContain('ausearch');
    expect(detail).toContain('semanage fcontext');
    await c.until('a mail', async () => (await c.mails()).some(m => m.text.includes('ausearch')));
    for (const said of [detail, ...(await c.mails()).map(m => m.text + m.html)])
      expect(said).not.toContain('setenforce');
    expect((await c.show(seen.id)).plan).toBeNull();
    expect((await c.readmit('approve', seen.id, '--as', 'root-ann', '--json')).code).toBe(1);
    await c.practice('heal', 'selinux');
    expect(asked(c).join('\n')).not.toContain('setenforce');
  }, 90_000);

  it('E20: the scheduler is down: one incident of the service, no group plan, and nothing starts it without votes', async () => {
    const groups = readFileSync(join(c.dir, 'etc/group'), 'utf8');
    await c.practice('break', 'scheduler-down');
    const starts = asked(c).length;
    await Promise.all(['alice', 'carol', 'dave'].map(user => c.submit(user)));
    const seen = await c.incidentOf(
      'the service',
      i => i.cause === 'openclaw/scheduler-down' && i.state === 'proposed',
    );
    expect(seen.kind).toBe('service');
    const attempts = (): number =>
      Number(query<{ n: number }>(c, 'SELECT attempts AS n FROM incident WHERE id = ?', Number(seen.id))[0]!.n);
    await c.until(
      'it was looked at several times',
      async () => attempts() >= 3 || (await c.show(seen.id)).plan!.serial > 1,
      40_000,
    );
    for (const { id } of (await c.incidents()).filter(
      i => !['resolved', 'expired', 'undone', 'denied'].includes(i.state),
    ))
      expect((await c.show(id)).plan?.steps.map(s => s.action) ?? []).not.toContain('group.add');
    expect(
      asked(c)
        .slice(starts)
        .filter(l => /^systemctl (re)?start/.test(l)),
    ).toEqual([]);
    expect(readFileSync(join(c.dir, 'etc/group'), 'utf8')).toBe(groups);
    await c.practice('heal', 'scheduler-down');
    await c.incidentOf('it serves again', i => i.id === seen.id && i.state === 'resolved', 60_000);
  }, 120_000);

  it('C17, C13, D08: the restart shows the running jobs and needs two people; a file that moved since makes the old digest worthless', async () => {
    const file = join(c.dir, 'etc/claw-scheduler/config.yaml');
    await c.practice('break', 'config-too-strict');
    writeFileSync(join(c.dir, 'home/root-ann/long.yaml'), 'job:\n  name: long\n  command: sleep 3600\n');
    expect((await c.as('root-ann', 'clw', 'submit', 'long.yaml')).out).toMatch(/^Job submitted/);
    await c.submit('dave');
    const seen = await c.incidentOf(
      'a proposal',
      i => i.cause === 'openclaw/config-too-strict' && i.state === 'proposed',
      40_000,
    );
    const first = (await c.show(seen.id)).plan!;
    expect(seen).toMatchObject({ tier: 2, needs: 2 });
    await c.until('the plan shows the running job', async () =>
      (await c.show(seen.id)).plan!.notes.join(' ').includes('1 job runs now'),
    );
    await c.json('approve', seen.id, '--as', 'root-ann');
    // Ansible comes by between the first vote and the second.
    appendFileSync(file, '# managed by somebody else too\n');
    const moved = await c.until('a new plan for the file as it is', async () => {
      const { plan } = await c.show(seen.id);
      return plan && plan.digest !== first.digest && plan;
    });
    expect(await voteOn(c, seen.id, first, 'root-ben')).not.toBe('taken');
    expect(readFileSync(file, 'utf8')).toContain('somebody else');
    expect((await c.show(seen.id)).needs).toBe(2);
    expect(await voteOn(c, seen.id, moved, 'root-ann')).toBe('taken');
    expect(await voteOn(c, seen.id, moved, 'root-ann')).not.toBe('taken');
    expect(await voteOn(c, seen.id, moved, 'root-ben')).toBe('taken');
    await c.incidentOf('it is mended', i => i.id === seen.id && i.state === 'resolved', 60_000);
    expect(readFileSync(file, 'utf8')).toContain('# managed by somebody else too');
    await c.practice('heal');
  }, 120_000);

  it('F01: every transition stands in the chain: who, what, when, of which plan, from and to', async () => {
    type Entry = Omit<JournalEntry, 'before' | 'after'> & {
      chain: string;
      before: { state?: string } | null;
      after: { state?: string } | null;
    };
    const entries = (await c.json<Entry[]>('audit', 'show'))
      .filter(e => e.chain === 'journal')
      .sort((a, b) => a.seq - b.seq);
    for (const [n, e] of entries.entries()) {
      expect(e.actor && e.what && e.time && e.digest.length === 64).toBe(true);
      if (n > 0) expect(e.previous).toBe(entries[n - 1]!.digest);
    }
    for (const { id, state } of await c.incidents()) {
      const moves = entries.filter(e => e.incident === id && e.after?.state);
      expect(moves[0]!.after!.state).toBe('open');
      for (const [n, move] of moves.entries()) if (n > 0) expect(move.before!.state).toBe(moves[n - 1]!.after!.state);
      expect(moves.at(-1)!.after!.state).toBe(state);
      for (const move of moves.filter(m => ['approved', 'denied'].includes(m.after!.state!)))
        expect(move.plan).toMatch(/^[0-9a-f]{64}$/);
    }
    const verified = await c.readmit('audit', 'verify');
    expect(verified.code, verified.out).toBe(0);
  });

  it('H02: the numbers of the week are those of the event store', async () => {
    const report = await c.json<{
      numbers: Record<string, number>;
      grants: unknown[];
      causes: { cause: string | null; denials: number }[];
      range: { from: string; to: string };
    }>('report');
    const one = (sql: string, ...values: (string | number)[]): number =>
      Number(query<{ n: number | null }>(c, sql, ...values)[0]!.n ?? 0);
    const from = Date.parse(report.range.from);
    // Of every person, whichever of the two logs told of more: both tell of the same denials.
    const perUser = query<{ server: number; client: number }>(
      c,
      "SELECT sum(count * (1 - self_reported)) AS server, sum(count * self_reported) AS client FROM observation WHERE event = 'denied' AND last >= ? GROUP BY user",
      from,
    );
    expect(report.numbers.denials).toBe(
      perUser.reduce((sum, u) => sum + Math.max(Number(u.server), Number(u.client)), 0),
    );
    expect(report.numbers.people).toBe(
      one(
        "SELECT count(DISTINCT user) AS n FROM observation WHERE event = 'denied' AND account = 'user' AND last >= ?",
        from,
      ),
    );
    expect(report.numbers.opened).toBe(one('SELECT count(*) AS n FROM incident WHERE opened >= ?', from));
    expect(report.numbers.granted).toBe(one('SELECT count(*) AS n FROM access_grant WHERE since >= ?', from));
    expect(report.grants).toHaveLength(report.numbers.granted!);
    expect(report.numbers.votedDown).toBe(
      one("SELECT count(*) AS n FROM vote WHERE decision = 'deny' AND at >= ?", from),
    );
  });

  it('F02: one flipped byte in the audit file and one in the journal: the first bad entry is named', async () => {
    await c.down();
    const file = join(c.dir, 'state/exec/audit.jsonl');
    const bytes = readFileSync(file);
    const lines = bytes.toString().split('\n');
    const third = lines.slice(0, 2).join('\n').length + 1;
    const at = bytes.indexOf('"actor"', third) + 12;
    const broken = Buffer.from(bytes);
    broken[at] = broken[at]! ^ 1;
    writeFileSync(file, broken);
    const seq = (JSON.parse(lines[2]!) as { seq: number }).seq;
    const said = await c.readmit('audit', 'verify');
    expect(said.code).toBe(1);
    expect(said.out.split('\n').find(l => l.startsWith('executor'))).toMatch(
      new RegExp(`^executor: BROKEN at entry ${seq}\\b`),
    );
    writeFileSync(file, bytes);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);

    const db = new DatabaseSync(join(c.dir, 'state/serve/readmit.db'));
    db.exec("UPDATE journal SET actor = 'nobody' WHERE seq = 4");
    db.close();
    const journal = await c.readmit('audit', 'verify', '--json');
    expect(journal.code).toBe(1);
    expect(JSON.parse(journal.out)).toMatchObject({ journal: { ok: false, firstBad: 4 }, executor: { ok: true } });
  }, 60_000);
});

describe('with plans that live five seconds', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster({ 'policy.planLifetime': 5 });
  });
  afterAll(async () => c?.end());

  it('H03: a week without any event is reported too', async () => {
    const week = previousWeek(isoWeek(Date.now(), 'Europe/Berlin'));
    const report = await c.json<{ empty: boolean }>('report', '--week', week);
    expect(report.empty).toBe(true);
    expect((await c.readmit('report', '--week', week, '--send')).code).toBe(0);
    const mail = await c.until('the report', async () =>
      (await c.mails()).find(m => m.subject.includes(week) || m.subject.includes('Access to the practice cluster')),
    );
    expect(mail.text.length).toBeGreaterThan(40);
  });

  it('D06, D09: an expired plan is refused and nothing happens by itself; made again, the same plan has the same digest', async () => {
    const { id } = await proposedFor(c, 'alice');
    const old = (await c.show(id)).plan!;
    write(c, ...Array.from({ length: 40 }, (_, n) => denial('alice', `/jobs/${n}`, '192.168.1.100')));
    const later = await c.until(
      'a later plan',
      async () => {
        const { plan } = await c.show(id);
        return plan && plan.serial > old.serial && Date.parse(old.expires) < Date.now() && plan;
      },
      30_000,
    );
    expect(later.digest).toBe(old.digest);
    expect(later.expires).not.toBe(old.expires);
    expect((await c.show(id)).count).toBeGreaterThan(40);
    expect(await voteOn(c, id, old, 'root-ann')).toMatch(/expired|serial|another plan|newer/);
    expect(members(c, 'claw-users')).not.toContain('alice');
    expect(executorAudit(c).filter(e => e.what === 'run.intent')).toEqual([]);
    expect(query<{ n: number }>(c, 'SELECT count(*) AS n FROM vote')[0]!.n).toBe(0);
    expect((await c.mails()).filter(m => m.subject.includes('alice') && m.to.join().includes('root-ann'))).toHaveLength(
      1,
    );
    await c.until(
      'a vote on the plan of today counts',
      async () => (await c.readmit('approve', id, '--as', 'root-ann', '--json')).code === 0,
    );
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved', 40_000);
  }, 120_000);
});
