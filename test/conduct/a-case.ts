/** An incident with its store, and the product's own parts that lead it from state to state; time stands until it is moved. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/config.ts';
import { builtInPack } from '../../src/diagnose/effects.ts';
import { loadSystem } from '../../src/diagnose/system.ts';
import { planDigest } from '../../src/digest.ts';
import type { IncidentKind, State } from '../../src/incident.ts';
import type { CanaryResult, Order, Snapshot } from '../../src/messages.ts';
import type { Outcome, Plan, Step, Vote } from '../../src/plan.ts';
import { makeOrder } from '../../src/roles/conduct/approvals.ts';
import { Deciding } from '../../src/roles/conduct/deciding.ts';
import { Diagnosing } from '../../src/roles/conduct/diagnosing.ts';
import { Outcomes } from '../../src/roles/conduct/outcomes.ts';
import { Proving } from '../../src/roles/conduct/proving.ts';
import { endRun, lastRun, type Run, runById, saveGrant, savePlan, saveRun } from '../../src/store/approvals.ts';
import { type IncidentRecord, incident, openIncident, update } from '../../src/store/incidents.ts';
import { journalOf } from '../../src/store/journal.ts';
import { openStore } from '../../src/store/open.ts';
import { causes, facts, NOW, type Observed } from '../diagnose/a-host.ts';

export const HOST = 'claw-head-01';
const UNIT = 'claw-scheduler';
const HOUR = 3_600_000;

const usermod = (flag: string) => ['/usr/sbin/usermod', flag, 'claw-users', 'alice'];
const alice = { user: 'alice', uid: 2001, group: 'claw-users', gid: 2500 } as const;
export const ADD: Step = { action: 'group.add', ...alice, until: null, argv: usermod('-aG') };
export const TAKE: Step = { action: 'group.remove', ...alice, argv: usermod('-rG') };
const splice = { file: '/etc/claw-scheduler/config.yaml', group: 'claw-users', at: 50, insert: '    - claw-users\n' };
export const AUTHORIZE = {
  action: 'config.authorize-group',
  ...splice,
  before: 'a'.repeat(64),
  after: 'b'.repeat(64),
} as Step;
export const PUT_BACK = { action: 'config.restore', ...splice, before: 'b'.repeat(64), after: 'a'.repeat(64) } as Step;
export const RESTART: Step = {
  action: 'service.restart',
  unit: UNIT,
  argv: ['/usr/bin/systemctl', 'restart', UNIT],
};

/** Test jobs that all passed. */
const PASSED: CanaryResult = { user: 'alice', ran: true, passed: true, detail: '10 of 10', latencies: [1] };

export type Case = ReturnType<typeof aCase>;

export function aCase() {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-case-'));
  const store = openStore(join(dir, 'readmit.db'));
  let time = NOW;
  const now = (): number => time;
  const config = parseConfig(
    `state: ${dir}\nhost: ${HOST}\nentitlement: { file: /etc/claw/entitlements.yaml }\nmail: { host: mail.site.example, to: [ops@site.example], userDomain: site.example }\n`,
    'readmit.yaml',
  );
  const parts = { store, config, now, causes, system: loadSystem(builtInPack('openclaw')) };
  const diagnosing = new Diagnosing(parts);
  const deciding = new Deciding(parts, diagnosing);
  const proving = new Proving(parts, diagnosing);
  const outcomes = new Outcomes(parts);
  const at = (id: string): IncidentRecord => incident(store, id);
  return {
    config,
    dir,
    now,
    store,
    at,
    pass(ms: number): void {
      time += ms;
    },
    open(
      state: State,
      kind: IncidentKind = 'user',
      change: Parameters<typeof update>[3] = {},
      key: string = { user: 'alice', service: UNIT, address: '203.0.113.9' }[kind],
    ): string {
      const because = 'a person with an account was refused';
      const { id } = openIncident(store, time - 60_000, {
        kind,
        key,
        host: HOST,
        event: 'denied',
        because,
        held: false,
      });
      store.run('UPDATE incident SET state = ?, attempts = 5 WHERE id = ?', state, Number(id));
      update(store, time, id, change);
      return id;
    },
    go: (id: string, state: State) => void store.run('UPDATE incident SET state = ? WHERE id = ?', state, Number(id)),
    offer(id: string, steps: Step[], undo: Step[]): Plan {
      const { kind, serial } = at(id);
      const core = {
        host: HOST,
        subject: kind === 'user' ? { user: 'alice', uid: 2001 } : null,
        steps,
        undo,
        tier: kind === 'user' ? (1 as const) : (2 as const),
        assumes: {},
      };
      const plan: Plan = {
        ...core,
        serial: serial + 1,
        incident: id,
        summary: 'a plan',
        deed: 'Do it',
        gains: [],
        loses: [],
        entitlement: null,
        notes: [],
        digest: planDigest(core),
        created: new Date(time).toISOString(),
        expires: new Date(time + HOUR).toISOString(),
        managedBy: null,
      };
      savePlan(store, time, plan);
      update(store, time, id, { plan });
      return plan;
    },
    /** The offered plan was carried out just now; who gained by it has a grant. */
    ran(id: string, result: Outcome['result'] = 'done', until: number | null = null): Run {
      const { host, incident: of, serial, subject, tier, steps, undo, assumes, digest } = at(id).plan!;
      const run = `${id}.${serial}.a-vote`;
      const order: Order = {
        ...{
          v: 1,
          kind: 'run',
          run,
          what: 'plan',
          host,
          incident: of,
          serial,
          subject,
          tier,
          steps,
          undo,
          assumes,
          digest,
        },
        votes: [],
      };
      saveRun(store, time, order);
      endRun(store, run, time, time, { result, detail: 'did it', steps: [] });
      if (steps.some(s => s.action === 'group.add'))
        saveGrant(store, {
          ...{
            id: `${run}.claw-users`,
            user: 'alice',
            uid: 2001,
            group: 'claw-users',
            host,
            incident: id,
            run,
            by: [],
          },
          ...{ reason: '', entitlement: null, since: time, until, ended: null },
        });
      update(store, time, id, { changed: time });
      return runById(store, run)!;
    },
    /** The offered plan is ordered, under this vote. */
    order(id: string, by: string, reason: string): Run {
      makeOrder(store, time, at(id).plan!, 'plan', [{ id: 'a-vote', by, reason, decision: 'approve' } as Vote], id);
      return lastRun(store, id, 'plan')!;
    },
    /** Somebody asked for the undo of the offered plan. */
    undo(id: string): Run {
      makeOrder(store, time, at(id).plan!, 'undo', [], id);
      return lastRun(store, id, 'undo')!;
    },
    answered(run: Run, result: Outcome['result'], detail = 'took it back', steps: Outcome['steps'] = []): void {
      const started = new Date(time).toISOString();
      const outcome: Outcome = { result, detail, steps };
      outcomes.take({ v: 1, host: HOST, run: run.id, incident: run.incident, started, outcome });
    },
    decided(id: string, observed: Observed): IncidentRecord {
      const found = facts(observed);
      store.tx(() => deciding.decide(at(id), diagnosing.diagnose(at(id), 'alice', found), found, null));
      return at(id);
    },
    proved(id: string, observed: Observed, canary: CanaryResult[] = [PASSED]): IncidentRecord {
      const seen = { alice: facts(observed) };
      proving.take({ v: 1, host: HOST, request: `${id}.1`, incident: id, facts: seen, canary, alive: true });
      return at(id);
    },
    /** The group as an agent of the host sees it. */
    seen(members: string[]): void {
      const at = new Date(time).toISOString();
      const groups = { 'claw-users': members };
      outcomes.saw({ v: 1, host: HOST, at, config: null, groups } as unknown as Snapshot);
    },
    grants: () =>
      store.all<{ ended: number | null }>('SELECT ended FROM access_grant ORDER BY rowid').map(g => g.ended),
    rows: (like = '%') =>
      store.all<{ key: string }>('SELECT key FROM outbox WHERE key LIKE ? ORDER BY id', like).map(r => r.key),
    said: (id: string) => journalOf(store, id).map(e => e.what),
    end(): void {
      store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
