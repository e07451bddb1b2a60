/**
 * The run of one order: checks, votes, the look at the world, the intent on disk, the act, the look back, the outcome.
 * Read `runOrder` from top to bottom: every way out before the intent leaves the world as it was.
 */
import { Refused, Retry } from '../incident.ts';
import type { Order } from '../messages.ts';
import type { Outcome } from '../plan.ts';
import { AuditUnwritable } from './audit.ts';
import { checkOrder, isInverse, type OrderStep } from './checks.ts';
import { fits, useOf } from './counters.ts';
import type { LedgerRun, Progress } from './ledger.ts';
import { checkLimits, correctTimes } from './limits.ts';
import { readPlain } from './patch.ts';
import { ACTOR, brief, briefVote, fitting, hashOf, nameOf } from './record.ts';
import { mayTryAgain, recover, votesAfter } from './recovery.ts';
import { filesOf, putBack } from './rollback.ts';
import { type Looked, NotRun, type Room } from './room.ts';
import { act, look, type Purpose } from './steps.ts';
import { ownChanges } from './undo.ts';

type Report = Outcome['steps'][number];

/**
 * Runs an order once. Coming again with the same run id, it answers what came of it the first time.
 * Orders must be run one after the other; `roles/exec.ts` sees to that.
 * @param onStarted called when the intent is on the disk and the act begins
 */
export async function runOrder(order: Order, room: Room, onStarted: (started: string) => void): Promise<Outcome> {
  try {
    await recover(room);
    correctTimes(room);
    const before = earlierOutcome(order, room);
    if (before) return fitting(before);
    const refusal = checkOrder(order, room.config);
    if (refusal) throw new NotRun(refusal.result, refusal.rule, refusal.message);
    const steps = order.what === 'plan' ? checkVotes(order, room) : ownChanges(order, room);
    checkAssumed(order, room);
    const looked = await lookAtAll(steps, order, room);
    if (looked.every(({ look }) => look.kind === 'already')) return fitting(nothingToDo(order, looked, room));
    checkLimits(order, looked, room);
    const started = declare(order, looked, room);
    onStarted(started);
    return fitting(await carryOut(order, looked, room).catch(error => interrupted(order, error, room)));
  } catch (error) {
    const earlier = room.ledger.find(order.run, order.what);
    const begun = earlier && isOf(order, earlier) ? earlier : null;
    // An answer would be the last one, and how it ended is not known yet: it is closed by observation, and then told.
    if (begun && !begun.outcome)
      throw new Retry(`run ${order.run} was begun and has not ended yet: ${(error as Error).message}`);
    return fitting(notRun(order, error, room, begun));
  }
}

/** What this very run came to before; null when it is new, or was seen not to have happened. */
function earlierOutcome(order: Order, { ledger }: Room): Outcome | null {
  const earlier = ledger.find(order.run, order.what);
  if (!earlier) return null;
  if (!isOf(order, earlier)) throw new NotRun('refused', 'run-id-reused', `run ${order.run} was another plan`);
  if (!earlier.outcome) throw new NotRun('refused', 'run-open', `run ${order.run} has not ended yet`);
  return mayTryAgain(earlier.steps.map(s => s.progress)) ? null : earlier.outcome;
}

const isOf = (order: Order, run: LedgerRun): boolean =>
  run.digest === order.digest && run.incident === order.incident && run.serial === order.serial;

/** Enough, in order, and never used before. @throws NotRun */
function checkVotes(order: Order, room: Room): OrderStep[] {
  const { ledger, judge, now } = room;
  const verdict = judge(order, now());
  if (verdict.kind === 'refused') throw new NotRun('refused', verdict.rule, verdict.message);
  if (verdict.kind === 'needs') throw new NotRun('refused', 'not-enough-votes', `${verdict.votes} more needed`);
  const after = votesAfter(room);
  for (const vote of order.votes) {
    const run = ledger.usedBy(vote.id);
    if (run !== null && run !== order.run)
      throw new NotRun('refused', 'vote-used', `the vote of ${vote.by} was used by run ${run}`);
    if (after !== null && Date.parse(vote.issued) <= Date.parse(after))
      throw new NotRun(
        'refused',
        'vote-before-ledger',
        `the vote of ${vote.by} is older than the executor's memory; vote again`,
      );
    const use = useOf(vote);
    if (use && !fits(use, ledger.usesOf(use.credential, vote.id)))
      throw new NotRun(
        'refused',
        'passkey-counter',
        `the passkey of ${vote.by} counts ${use.count}, which does not follow on its earlier votes: it may have been copied`,
      );
  }
  const other = ledger
    .runsOf(order, 'plan')
    .find(r => r.run !== order.run && r.steps.some(s => s.progress !== 'not-done'));
  if (other) throw new NotRun('refused', 'already-run', `this plan was run already, as ${other.run}`);
  return order.steps;
}

const purposeOf = (order: Order): Purpose => (order.what === 'undo' ? 'taking-back' : 'giving');

/** A restart is approved for the configuration that was shown. Steps that change the file name its hash themselves. */
function checkAssumed({ assumes, steps, what }: Order, { config }: Room): void {
  const assumed = assumes['config.hash'];
  if (what === 'undo' || typeof assumed !== 'string' || steps.some(s => s.action === 'config.authorize-group')) return;
  const now = readPlain(config.scheduler.config).hash;
  if (now !== assumed)
    throw new NotRun('stale', 'file-changed', `${config.scheduler.config} is not the file the plan was made for`);
}

async function lookAtAll(steps: OrderStep[], order: Order, room: Room): Promise<Looked[]> {
  const looked: Looked[] = [];
  for (const [n, step] of steps.entries()) {
    const seen = await look(step, room, purposeOf(order));
    // What this very undo took back before a crash is nobody's change of ours any more, however it looks now.
    const isOver = order.what === 'undo' && room.ledger.isDone(order.run, order.what, n);
    looked.push({ step, look: isOver ? { kind: 'already', state: seen.state } : seen });
  }
  const out = looked.map(({ look }) => look).find(l => l.kind === 'stale' || l.kind === 'refused');
  if (out && (out.kind === 'stale' || out.kind === 'refused')) throw new NotRun(out.kind, out.rule, out.why, looked);
  // Where all changes are undone already, a restart alone would only interrupt people.
  const changes = looked.filter(l => l.step.action !== 'service.restart');
  const begun = room.ledger.find(order.run, order.what) !== null;
  if (order.what === 'undo' && !begun && changes.length > 0 && changes.every(l => l.look.kind === 'already'))
    return looked.map(l => ({ ...l, look: { kind: 'already', state: l.look.state } }));
  return looked;
}

/** Takes run and votes in the ledger and puts the intent into the audit file. After this, the act may begin. */
function declare(order: Order, looked: Looked[], room: Room): string {
  const { audit, ledger, now } = room;
  const earlier = ledger.find(order.run, order.what);
  const started = new Date(now()).toISOString();
  const steps = looked.map(({ step, look }) => ({
    step,
    progress: (look.kind === 'already' ? 'already' : 'waiting') as Progress,
  }));
  ledger.claim(
    order,
    steps,
    order.votes.map(v => ({ id: v.id, hash: hashOf(v), use: useOf(v) })),
    started,
  );
  try {
    audit.append({
      actor: order.votes.map(v => v.by).join(', '),
      plan: order.digest,
      what: 'run.intent',
      before: { states: looked.map(l => l.look.state) },
      after: {
        ...nameOf(order),
        subject: order.subject,
        steps: looked.map(l => brief(l.step)),
        votes: order.votes.map(briefVote),
      },
    });
  } catch (error) {
    ledger.release(order.run, order.what, earlier);
    throw error;
  }
  return started;
}

async function carryOut(order: Order, looked: Looked[], room: Room): Promise<Outcome> {
  const { ledger, now } = room;
  const reports: Report[] = [];
  const notes: string[] = [];
  for (const [n, { step, look: first }] of looked.entries()) {
    const seen = n === 0 || first.kind === 'already' ? first : await look(step, room, purposeOf(order));
    if (seen.kind === 'already') {
      reports.push(leftAsItIs(order, n, step, seen.state, room));
      continue;
    }
    if (seen.kind === 'stale' || seen.kind === 'refused') {
      ledger.progress(order.run, order.what, n, 'failed');
      reports.push({ action: step.action, result: seen.kind, before: seen.state, after: seen.state });
      notes.push(seen.why);
    } else {
      ledger.progress(order.run, order.what, n, 'started', now());
      const deed = await act(step, room, filesOf(room));
      ledger.progress(order.run, order.what, n, deed.result);
      reports.push({
        action: step.action,
        result: deed.result,
        before: seen.state,
        after: (await look(step, room, 'taking-back')).state,
      });
      if (deed.note) notes.push(deed.note);
      if (deed.result !== 'failed') {
        if (order.what === 'undo') ledger.takenBack(order, planStep => isInverse(step, planStep));
        continue;
      }
    }
    const back = await putBack(order, room);
    const detail = [...notes, ...back.notes].join('; ');
    return end(order, { result: 'failed', detail, steps: [...reports, ...back.reports] }, room);
  }
  return end(order, { ...cameTo(order, reports), ...(notes.length > 0 && { detail: notes.join('; ') }) }, room);
}

/** Nothing is to be done. What an earlier attempt of this run did is ours all the same, and is told as done. */
function leftAsItIs(order: Order, n: number, step: OrderStep, state: string, { ledger }: Room): Report {
  const own = ledger.isDone(order.run, order.what, n);
  if (!own) ledger.progress(order.run, order.what, n, 'already');
  return { action: step.action, result: own ? 'done' : 'already', before: state, after: state };
}

function cameTo(order: Order, steps: Report[]): Outcome {
  const done = steps.filter(r => r.result === 'done').map(r => r.action);
  return done.length === 0
    ? { result: 'already', detail: 'already satisfied: nothing was run', steps }
    : { result: 'done', detail: `${order.what === 'undo' ? 'taken back' : 'done'}: ${done.join(', ')}`, steps };
}

/** The outcome, first in the audit file, then in the ledger. If neither can be written, a later start closes the run. */
function end(order: Order, outcome: Outcome, { audit, ledger }: Room): Outcome {
  try {
    audit.append({
      actor: ACTOR,
      plan: order.digest,
      what: 'run.outcome',
      before: { states: outcome.steps.map(s => s.before) },
      after: {
        ...nameOf(order),
        result: outcome.result,
        detail: outcome.detail,
        states: outcome.steps.map(s => s.after),
      },
    });
    ledger.finish(order.run, order.what, outcome);
    return outcome;
  } catch (error) {
    return { ...outcome, detail: `${outcome.detail}; the outcome could not be recorded: ${(error as Error).message}` };
  }
}

function nothingToDo(order: Order, looked: Looked[], room: Room): Outcome {
  declare(order, looked, room);
  const steps = looked.map(({ step, look }, n) => leftAsItIs(order, n, step, look.state, room));
  return end(order, cameTo(order, steps), room);
}

/** Something broke after the intent (a full disk): nothing is claimed that wasn't observed. */
async function interrupted(order: Order, error: unknown, room: Room): Promise<Outcome> {
  await recover(room);
  const outcome = room.ledger.find(order.run, order.what)?.outcome;
  if (!outcome) throw error;
  return { ...outcome, detail: `${outcome.detail} (${(error as Error).message})` };
}

/** Every refusal is audited, where that is possible. `begun`: an earlier attempt, of which something may have been done. */
function notRun(order: Order, error: unknown, { audit }: Room, begun: LedgerRun | null): Outcome {
  const why =
    error instanceof NotRun
      ? error
      : error instanceof AuditUnwritable
        ? new NotRun('refused', 'no-audit', error.message)
        : error instanceof Refused
          ? new NotRun('refused', 'refused', error.message)
          : new NotRun('refused', 'cannot-check', (error as Error).message);
  const states = why.looks.map(l => l.look.state);
  let detail = `${why.rule}: ${why.message}`;
  try {
    audit.append({
      actor: order.votes.map(v => v.by).join(', ') || ACTOR,
      plan: order.digest,
      what: `run.${why.result}`,
      before: { states },
      after: { ...nameOf(order), rule: why.rule, why: why.message, steps: order.steps.map(brief) },
    });
  } catch (cause) {
    if (why.rule !== 'no-audit') detail += ` (not recorded: ${(cause as Error).message})`;
  }
  // Refused or stale would mean that nothing was changed.
  if (begun?.outcome && begun.steps.some(s => s.progress === 'done'))
    return { ...begun.outcome, detail: `${begun.outcome.detail}; sent again: ${detail}` };
  const steps = why.looks.map(l => ({
    action: l.step.action,
    result: why.result,
    before: l.look.state,
    after: l.look.state,
  }));
  return { result: why.result, detail, steps };
}
