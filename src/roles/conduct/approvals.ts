/**
 * Votes come in here, from the page and from the command line alike. The policy is asked before a vote is kept; the last
 * vote, the order to the executor and the journal entry are one transaction.
 */
import { randomUUID } from 'node:crypto';
import type { Approvers } from '../../approve/approvers.ts';
import { mayVote, needsFresh } from '../../approve/policy.ts';
import { makeVote, signVote, type UnsignedVote } from '../../approve/vote.ts';
import type { Config } from '../../config/config.ts';
import type { Person } from '../../desk.ts';
import { Refused, type State } from '../../incident.ts';
import type { Order } from '../../messages.ts';
import { lacksEntitlement, type Plan, type Vote } from '../../plan.ts';
import {
  begunPlan,
  denyDigest,
  grantById,
  hasVote,
  isOver,
  isTakenBack,
  planOf,
  type Run,
  runById,
  saveRun,
  saveVote,
  undoUnderWay,
  votesOf,
} from '../../store/approvals.ts';
import { maintenance } from '../../store/desk-rows.ts';
import { type IncidentRecord, incident, move, update } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { enqueue } from '../../store/outbox.ts';
import { mayAct, mayDecide } from '../../web/rights.ts';
import {
  countingVotes,
  lapsedVotes,
  notRunHere,
  type Polled,
  type Polling,
  policyOf,
  votedPlan,
  votesMissing,
} from './polling.ts';
import { plainReason } from './reason.ts';

/** An order that got no answer is sent again after so long; the executor's ledger makes it one effect. */
export const RESEND_MS = 15_000;

/** States in which a run has ended and somebody still waits. */
const RETRIED: readonly State[] = ['failed', 'not-effective'];
const UNDOABLE: readonly State[] = ['propagating', 'verifying', 'not-effective', 'failed', 'resolved'];

/** Something is being done, and what stands is not known until its outcome. */
const UNDER_WAY: readonly State[] = ['approved', 'running'];

export class Approvals {
  readonly #store: Store;
  readonly #config: Config;
  readonly #now: () => number;
  readonly #approvers: () => Approvers;
  readonly #sessionKey: () => string;

  constructor(store: Store, config: Config, now: () => number, approvers: () => Approvers, sessionKey: () => string) {
    this.#store = store;
    this.#config = config;
    this.#now = now;
    this.#approvers = approvers;
    this.#sessionKey = sessionKey;
  }

  needs(i: Polled): number {
    return votesMissing(this.#polling(), i);
  }

  lapsed(i: Polled): ReadonlySet<string> {
    return lapsedVotes(this.#polling(), i);
  }

  #polling(): Polling {
    return { store: this.#store, config: this.#config, approvers: this.#approvers, now: this.#now };
  }

  /** A vote by `serve`'s own key for a signed-in person. @throws Refused naming the rule */
  signFor(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): Vote {
    if (this.#config.policy.proof !== 'session')
      throw new Refused(
        `policy.proof is ${this.#config.policy.proof}: vote with \`readmit approve ID --as NAME\` on the host`,
      );
    const i = incident(this.#store, id);
    const plan = this.#votable(i, digest);
    if (needsFresh(plan.tier, person.since, this.#now(), this.#config.web.fresh) === 'sign-in-again')
      throw new Refused('sign in again: a sign-in of the last minutes is asked for before a change of this weight');
    const vote = makeVote({ plan, by: person, decision, reason, proof: 'session', now: this.#now() });
    return signVote(vote, this.#sessionKey());
  }

  /**
   * A vote for a person's passkey to sign: its assertion is fresh by itself, whenever the person signed in.
   * @throws Refused naming the rule
   */
  toSign(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): UnsignedVote {
    if (this.#config.policy.proof === 'key')
      throw new Refused('policy.proof is key: votes by passkey do not count here');
    const plan = this.#votable(incident(this.#store, id), digest);
    plainReason(reason);
    return makeVote({ plan, by: person, decision, reason, proof: 'passkey', now: this.#now() });
  }

  #votable(i: IncidentRecord, digest: string | null): Plan {
    const votes = votesOf(this.#store, i.id, i.serial);
    const said = votes
      .map(v => `${v.by} ${v.decision === 'approve' ? 'approved' : 'denied'} it at ${v.issued}`)
      .join(', ');
    if (i.state === 'denied') throw new Refused(`denied is final for this plan: ${said}`);
    if (i.state !== 'proposed' || !i.plan)
      throw new Refused(`there is nothing to vote on: the incident is ${i.state}${said ? ` (${said})` : ''}`);
    if (digest !== null && i.plan.digest !== digest)
      throw new Refused('the plan has changed since you saw it: look at the new one and decide again');
    if (i.inhibitedBy) throw new Refused(`incident ${i.inhibitedBy} explains this one: decide there`);
    const over = i.plan.steps.find(s => 'until' in s && s.until !== null && Date.parse(s.until) <= this.#now());
    if (over) throw new Refused('the end that this plan shows has passed: set another one');
    const elsewhere = notRunHere(this.#config, i.plan.managedBy);
    if (elsewhere !== null) throw new Refused(elsewhere);
    return i.plan;
  }

  /** Keeps a signed vote; with enough of them the order goes out. @throws Refused naming the rule */
  vote(vote: Vote): void {
    this.#store.tx(() => {
      const now = this.#now();
      const i = incident(this.#store, vote.incident);
      plainReason(vote.reason);
      if (hasVote(this.#store, vote.id)) throw new Refused(`vote ${vote.id} was used already`);
      const plan = this.#votable(i, null);
      const earlier = countingVotes(this.#polling(), plan);
      const verdict = mayVote(votedPlan(plan), vote, earlier, this.#approvers(), policyOf(this.#config), now);
      if (verdict.kind === 'refused') throw new Refused(verdict.message);
      if (vote.decision === 'deny' && !vote.reason.trim()) throw new Refused('a denial needs a reason (--reason)');
      if (vote.decision === 'approve' && lacksEntitlement(plan) && !vote.reason.trim())
        throw new Refused(`nothing shows that ${whom(plan)} should have access: give a reason (--reason)`);
      if (vote.decision === 'approve' && plan.gains.length > 0 && maintenance(this.#store))
        throw new Refused('maintenance is on: nothing that widens access is done until it ends');
      saveVote(this.#store, now, vote);
      const deed = vote.decision === 'approve' ? 'approved' : 'denied';
      record(this.#store, now, {
        actor: vote.by,
        what: `${deed}${vote.reason ? `: ${vote.reason}` : ''}`,
        incident: i.id,
        plan: plan.digest,
        after: { vote: vote.id, serial: vote.serial, proof: vote.proof },
      });
      if (vote.decision === 'deny') {
        denyDigest(this.#store, plan.digest, now + this.#config.policy.denySticky * 1000, i.id);
        move(
          this.#store,
          now,
          i.id,
          'proposed',
          'denied',
          { actor: vote.by, what: 'denied', plan: plan.digest },
          { due: now + 60_000 },
        );
      } else if (verdict.kind === 'enough') {
        const by = [...earlier, vote].map(v => v.by).join(' and ');
        move(
          this.#store,
          now,
          i.id,
          'proposed',
          'approved',
          { actor: 'readmit', what: `approved by ${by}`, plan: plan.digest },
          { due: now + RESEND_MS },
        );
        this.#send(plan, 'plan', [...earlier, vote], i);
      } else update(this.#store, now, i.id, {});
    });
  }

  /**
   * Takes back what the last run did, under the votes it ran with; or what gave this grant, whatever ran since.
   * @throws Refused naming the rule
   */
  undo(person: Person, id: string, grant?: string, reason = ''): void {
    this.#store.tx(() => {
      const i = incident(this.#store, id);
      const begun = grant === undefined ? begunPlan(this.#store, id) : this.#gave(id, grant);
      if (!begun || begun.plan.undo.length === 0) throw new Refused('there is nothing of ours to undo');
      const { plan, run } = begun;
      const mayBe = grant === undefined ? UNDOABLE.includes(i.state) : !UNDER_WAY.includes(i.state);
      if (!mayBe) throw new Refused(`an incident that is ${i.state} can't be undone`);
      if (!mayDecide(person, this.#config)) throw new Refused(`${person.name} has no role that may undo`);
      if (undoUnderWay(this.#store, this.#now(), id)) throw new Refused('the undo is under way');
      if (isTakenBack(this.#store, id, run.serial)) throw new Refused('it was taken back already');
      // What others took away since is not ours any more, even if it was given again: by another plan then.
      if (isOver(this.#store, run.id) && !plan.undo.some(step => step.action === 'config.restore'))
        throw new Refused('the access it gave has ended already');
      record(this.#store, this.#now(), {
        actor: person.name,
        what: `asked for the undo${reason && `: ${plainReason(reason)}`}`,
        incident: id,
        plan: plan.digest,
      });
      this.#send(plan, 'undo', run.order.votes, i);
    });
  }

  #gave(id: string, grant: string): { run: Run; plan: Plan } | null {
    const given = grantById(this.#store, grant);
    if (given?.incident !== id) throw new Refused(`incident ${id} has no grant ${grant}`);
    if (given.ended !== null) throw new Refused('that access has ended already');
    const run = runById(this.#store, given.run);
    const plan = run && planOf(this.#store, id, run.serial);
    return run && plan ? { run, plan } : null;
  }

  /** Somebody mended what was in the way of a run: the facts are taken again, and what still helps is offered again. */
  retry(person: Person, id: string): void {
    this.#store.tx(() => {
      const now = this.#now();
      const i = incident(this.#store, id);
      if (!RETRIED.includes(i.state)) throw new Refused(`an incident that is ${i.state} can't be tried again`);
      if (!mayAct(person, this.#config)) throw new Refused(`${person.name} has no role that may do this`);
      if (undoUnderWay(this.#store, now, id)) throw new Refused('the undo is under way');
      move(
        this.#store,
        now,
        id,
        i.state,
        'open',
        { actor: person.name, what: 'asked for another try', plan: i.plan?.digest ?? null },
        { changed: null, due: now },
      );
    });
  }

  #send(plan: Plan, what: 'plan' | 'undo', votes: Vote[], i: IncidentRecord): void {
    makeOrder(this.#store, this.#now(), plan, what, votes, i.id);
  }
}

const whom = ({ subject, gains }: Plan): string =>
  subject?.user ?? (gains.length > 3 ? `${gains.length} people` : gains.join(', '));

/** Makes the order of a plan, or of taking it back under the votes it ran with, and puts it in the outbox. */
export function makeOrder(
  store: Store,
  now: number,
  plan: Plan,
  what: 'plan' | 'undo',
  votes: Vote[],
  incidentId: string,
): void {
  const order: Order = {
    v: 1,
    kind: 'run',
    // Named after the vote that made it enough, so that no lost or restored database can make the same name again.
    run:
      what === 'plan'
        ? `${plan.incident}.${plan.serial}.${votes.at(-1)!.id}`.slice(0, 80)
        : `${plan.incident}.${plan.serial}.undo.${randomUUID()}`,
    what,
    incident: plan.incident,
    serial: plan.serial,
    host: plan.host,
    subject: plan.subject,
    tier: plan.tier,
    steps: plan.steps,
    undo: plan.undo,
    assumes: plan.assumes,
    digest: plan.digest,
    votes,
  };
  saveRun(store, now, order);
  sendOrder(store, now, order, incidentId, 0);
}

/** Puts the order in the outbox; each attempt has a key of its own, the run id stays. */
export const sendOrder = (store: Store, now: number, order: Order, incidentId: string, attempt: number): void => {
  enqueue(store, now, {
    key: `run-${order.run}-${attempt}`,
    channel: 'job',
    incident: incidentId,
    payload: { host: order.host, message: { name: 'execute', data: { v: 1, order } } },
  });
};
