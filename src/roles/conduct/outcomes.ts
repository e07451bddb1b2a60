/** What became of an order: that it was sent, what the executor did, what was given by it, and what was taken back. */
import type { Config } from '../../config/config.ts';
import { isEnded, mayMove } from '../../incident.ts';
import type { ServeMessage, Snapshot } from '../../messages.ts';
import { begunPlan, endGrants, endRun, planOf, type Run, runById, saveGrant } from '../../store/approvals.ts';
import { hasMade, recordSnapshot, ungranted } from '../../store/history.ts';
import { type IncidentRecord, incident, move, update, wakeWaiting } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { tellRouted } from '../tell/telling.ts';
import { RESEND_MS } from './approvals.ts';
import { noticeReverted } from './endings.ts';
import { recheckMs } from './pace.ts';

type Outcome = Extract<ServeMessage, { name: 'outcome' }>['data'];

export class Outcomes {
  readonly #p: { store: Store; config: Config; now: () => number };

  constructor(parts: { store: Store; config: Config; now: () => number }) {
    this.#p = parts;
  }

  /** The order is on its way: BullMQ has it. */
  sent(run: string): void {
    const { store, now } = this.#p;
    const found = runById(store, run);
    if (found?.what !== 'plan') return;
    const i = incident(store, found.incident);
    if (i.state === 'approved')
      move(
        store,
        now(),
        i.id,
        'approved',
        'running',
        { actor: 'readmit', what: `handed to ${i.host}` },
        { due: now() + RESEND_MS },
      );
  }

  take(message: Outcome): void {
    const { store, now } = this.#p;
    const at = now();
    store.tx(() => {
      const run = runById(store, message.run);
      if (!run || !endRun(store, run.id, Date.parse(message.started), at, message.outcome)) return;
      const { result, detail, steps } = message.outcome;
      if (run.what === 'undo') return this.#undone(run, message.outcome);
      const i = this.#running(run.incident);
      const digest = run.order.digest;
      const by = { actor: `executor on ${run.host}`, plan: digest };
      switch (result) {
        case 'done':
        case 'already': {
          if (result === 'done') saveGrants(store, at, run, n => steps[n]?.result !== 'already');
          move(
            store,
            at,
            i.id,
            i.state,
            'verifying',
            { ...by, what: result === 'done' ? detail : `nothing to do: ${detail}` },
            { changed: at, due: at },
          );
          wakeWaiting(store, at, i.host);
          return;
        }
        case 'stale':
          move(store, at, i.id, i.state, 'stale', { ...by, what: `stale: ${detail}` }, { plan: null, note: detail });
          return;
        case 'refused':
        case 'failed':
        case 'unknown':
          // What was given before it broke off is access all the same.
          saveGrants(store, at, run, n => steps[n]?.result === 'done');
          saveSeen(store, run.host);
          move(
            store,
            at,
            i.id,
            i.state,
            'failed',
            { ...by, what: `${result}: ${detail}` },
            { note: detail, due: at + recheckMs(this.#p.config, at, i) },
          );
          tellRouted(store, this.#p.config, at, i.id, 'failed', `failed-${run.id}`);
          return;
        default:
          result satisfies never;
      }
    });
  }

  /** An outcome can overtake the note that the order was sent. */
  #running(id: string): IncidentRecord {
    const { store, now } = this.#p;
    const i = incident(store, id);
    return i.state === 'approved'
      ? move(store, now(), id, 'approved', 'running', { actor: 'readmit', what: `handed to ${i.host}` })
      : i;
  }

  /**
   * What was taken back is taken back, wherever the incident went meanwhile: one that somebody waits for again goes on from
   * there, and the journal says what happened.
   */
  #undone(run: Run, { result, detail }: Outcome['outcome']): void {
    const { store, now, config } = this.#p;
    const at = now();
    const i = incident(store, run.incident);
    const by = { actor: `executor on ${run.host}`, plan: run.order.digest };
    if (result !== 'done' && result !== 'already') {
      record(store, at, { ...by, what: `the undo was ${result}: ${detail}`, incident: i.id });
      return tellRouted(store, config, at, i.id, 'failed', `not-undone-${i.id}-${run.serial}`);
    }
    endGrants(store, at, i.id, run.serial);
    // What ran later stands, and can still be proved and taken back.
    const isLast = begunPlan(store, i.id)?.run.serial === run.serial;
    if (isLast && mayMove(i.state, 'undone'))
      return void move(store, at, i.id, i.state, 'undone', { ...by, what: detail });
    record(store, at, { ...by, what: detail, incident: i.id });
    if (!isEnded(i.state)) update(store, at, i.id, { due: at });
  }

  /** Groups and configuration as they are: what changed by us, what by others. */
  saw(snapshot: Snapshot): void {
    const { store, now } = this.#p;
    const at = now();
    const byRun = (group: string, user: string, change: 'added' | 'removed'): string | null =>
      ourDoing(store, { host: snapshot.host, group, user, change });
    if (!recordSnapshot(store, at, snapshot, byRun)) return;
    saveSeen(store, snapshot.host);
    noticeReverted(store, at, snapshot.host);
    wakeWaiting(store, at, snapshot.host);
  }
}

/** The access that a run gave, under the votes it ran with. @param gave whether its nth step gave it */
function saveGrants(
  store: Store,
  at: number,
  { id: run, order }: Run,
  gave: (n: number, step: { user: string; group: string }) => boolean,
): void {
  const entitlement = planOf(store, order.incident, order.serial)?.entitlement ?? null;
  for (const [n, step] of order.steps.entries())
    if ((step.action === 'group.add' || step.action === 'directory.group-add') && gave(n, step))
      saveGrant(store, {
        id: `${run}.${step.group}`,
        user: step.user,
        uid: step.uid,
        group: step.group,
        host: order.host,
        incident: order.incident,
        run,
        by: order.votes.map(v => v.by),
        reason: order.votes
          .map(v => v.reason)
          .filter(Boolean)
          .join('; '),
        entitlement,
        since: at,
        until: step.until ? Date.parse(step.until) : null,
        ended: null,
      });
}

/** A run that could not say to the end what it did: whoever is seen in a group by its doing was given access by it. */
function saveSeen(store: Store, host: string): void {
  for (const { run: id, user, group, since } of ungranted(store, host)) {
    const run = runById(store, id);
    if (run) saveGrants(store, since, run, (_, step) => step.user === user && step.group === group);
  }
}

interface Change {
  host: string;
  group: string;
  user: string;
  change: 'added' | 'removed';
}

/**
 * The run of ours that made this change: the last one that touched this person in this group, if it went that way, and if
 * no earlier change is its doing already. What comes after that is somebody else's.
 */
function ourDoing(store: Store, { host, group, user, change }: Change): string | null {
  const wanted = change === 'added' ? ['group.add', 'directory.group-add'] : ['group.remove', 'directory.group-remove'];
  const runs = store.all<{ id: string; order_json: string }>(
    `SELECT id, order_json FROM run
     WHERE host = ? AND (ended IS NULL OR outcome_json ->> '$.result' IN ('done', 'failed', 'unknown'))
     ORDER BY coalesce(ended, created) DESC, rowid DESC LIMIT 50`,
    host,
  );
  for (const { id, order_json } of runs) {
    const { what, steps, undo } = JSON.parse(order_json) as Run['order'];
    const step = (what === 'plan' ? steps : undo).find(s => 'user' in s && s.user === user && s.group === group);
    if (!step) continue;
    return wanted.includes(step.action) && !hasMade(store, id, { host, group, user }) ? id : null;
  }
  return null;
}
