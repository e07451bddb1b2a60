/**
 * Did it help? Success is what was observed: the state is as planned, the access model lets the person in, the test jobs
 * passed, and no new denial came while the scheduler was seen alive. Not an exit code, and not silence. Pure.
 */
import type { Config } from '../config/config.ts';
import type { Fact } from '../diagnosis.ts';
import type { CanaryResult } from '../messages.ts';
import type { Plan } from '../plan.ts';
import { type Entry, letsIn } from './access-model.ts';
import { Facts } from './facts.ts';

export interface VerifyInput {
  /** Everybody the incident is about must be let in, or, for a service, somebody of those it turned away. */
  whom?: 'person' | 'service';
  /** What was done; null when the obstacle went away without us. */
  plan: Plan | null;
  cause: string | null;
  /** Facts taken after the change, by user; the key `''` holds facts about the service alone. */
  facts: Readonly<Record<string, readonly Fact[]>>;
  canary: readonly CanaryResult[];
  /** The scheduler wrote or answered since the change. */
  alive: boolean;
  /** Denials of these people since the change. */
  newDenials: number;
  /** The last of them, epoch ms, where it is known: older ones may have crossed with the change. */
  lastDenial?: number | null;
  /** When somebody of them worked again by their own hands, epoch ms: worth as much as a test job. */
  ownSuccess?: number | null;
  /** When the change was made, epoch ms. */
  since: number;
  now: number;
  config: Pick<Config, 'verify' | 'scheduler'>;
}

type VerifyState = 'resolved' | 'propagating' | 'verifying' | 'not-effective' | 'failed';
export interface Judgement {
  state: VerifyState;
  because: string;
}

/** A service that was started must answer within this time. */
const SERVICE_LIMIT = 60_000;

/** One look after the change. Called again and again until the state is an end. */
export function judge(input: VerifyInput): Judgement {
  const entries = Object.entries(input.facts).filter(([user]) => user !== '');
  const all = entries.length > 0 ? entries : Object.entries(input.facts);
  return (
    serviceFault(input, all) ??
    firstOf(all, ([user, facts]) => stateFault(input, user, facts)) ??
    entriesFault(input, entries) ??
    denialFault(input) ??
    canaryFault(input) ??
    settled(input)
  );
}

function firstOf<T>(items: readonly T[], check: (item: T) => Judgement | null): Judgement | null {
  for (const item of items) {
    const found = check(item);
    if (found) return found;
  }
  return null;
}

/** How long what the directory knows may take to show (ms): what the scheduler says of its own cache counts too. */
const directoryLag = ({ config }: VerifyInput, f: Facts): number =>
  Math.max(config.verify.directoryPropagation, f.number('config.directory-lag') ?? 0) * 1000;

/** Waits as long as such a change may take, at least so long (ms); then it was not effective. */
function wait(input: VerifyInput, state: 'propagating' | 'verifying', because: string, atLeast = 0): Judgement {
  const limit = Math.max(input.config.verify.propagation * 1000, atLeast);
  if (input.now - input.since >= limit)
    return { state: 'not-effective', because: `${because}, ${Math.round(limit / 60_000)} minutes after the change` };
  return { state, because };
}

/** After a change to the service it must come back healthy, and soon. */
function serviceFault(input: VerifyInput, all: [string, readonly Fact[]][]): Judgement | null {
  const touched = input.plan?.steps.some(s => s.action === 'service.start' || s.action === 'service.restart') ?? false;
  const f = new Facts(all[0]?.[1] ?? []);
  const health = f.value('scheduler.health4');
  const well = health === 'healthy' || (health === undefined && f.value('scheduler.active') === 'active');
  // These facts were taken after the change: a scheduler that answered its health check is alive.
  if (well && (input.alive || health === 'healthy')) return null;
  if (well && !touched) return wait(input, 'verifying', 'the scheduler has not been seen alive since the change');
  if (!touched) return wait(input, 'verifying', `the scheduler does not answer (${health ?? 'unknown'})`);
  const because = well
    ? 'the scheduler has not been seen alive since it was started'
    : `the scheduler is ${health ?? f.value('scheduler.active') ?? 'silent'}`;
  return input.now - input.since >= SERVICE_LIMIT
    ? { state: 'failed', because: `${because}, a minute after it was started` }
    : { state: 'verifying', because };
}

/** Is the world as the plan left it? */
function stateFault(input: VerifyInput, user: string, facts: readonly Fact[]): Judgement | null {
  const f = new Facts(facts);
  for (const step of input.plan?.steps ?? []) {
    if (step.action === 'group.add' && step.user === user) {
      const fault = membership(input, step.group, user, f);
      if (fault) return fault;
    }
    if (step.action === 'directory.group-add' && step.user === user) {
      const fault = directoryMembership(input, step.group, user, f);
      if (fault) return fault;
    }
    if (step.action === 'config.authorize-group') {
      const authorized = f.list('access.authorized-groups');
      if (!authorized) return wait(input, 'verifying', `${step.file} could not be read`);
      if (!authorized.includes(step.group))
        return {
          state: 'not-effective',
          because: `${step.file} does not authorise ${step.group}: somebody else changed it`,
        };
    }
    if ((step.action === 'service.restart' || step.action === 'service.start') && f.value('config.loaded') === false)
      return wait(input, 'verifying', 'the scheduler has not loaded the configuration yet');
  }
  return null;
}

function membership(input: VerifyInput, group: string, user: string, f: Facts): Judgement | null {
  const [nss, file] = [f.list('groups.nss'), f.list('groups.file')];
  if (nss?.includes(group)) return null;
  if (file?.includes(group))
    return wait(input, 'propagating', `${user} is in ${group} in the group file, and NSS does not show it yet`);
  if (!nss || !file) return wait(input, 'verifying', `the groups of ${user} could not be asked`);
  return {
    state: 'not-effective',
    because: `${user} is not in ${group}: the change is not there, or somebody else took it back`,
  };
}

/** A copy of the directory that is asked may be behind the one that was changed. */
const REPLICA_LIMIT = 60_000;

/** The directory has it at once; lookups on the host show it when their caches are refreshed, which takes its time. */
function directoryMembership(input: VerifyInput, group: string, user: string, f: Facts): Judgement | null {
  const [nss, there] = [f.list('groups.nss'), f.list('groups.directory')];
  if (nss?.includes(group) && there?.includes(group) !== false) return null;
  if (!there) return wait(input, 'verifying', `the directory can't be asked: ${f.source('groups.directory')}`);
  if (there.includes(group))
    return nss
      ? wait(
          input,
          'propagating',
          `${user} is in ${group} in the directory, and NSS does not show it yet`,
          directoryLag(input, f),
        )
      : wait(input, 'verifying', `the groups of ${user} could not be asked`);
  const because = `${user} is not in ${group} in the directory: a copy of it lags, or somebody else took it back`;
  return input.now - input.since < REPLICA_LIMIT
    ? { state: 'propagating', because }
    : { state: 'not-effective', because };
}

/**
 * Everybody a plan was made for must be let in. A service that was mended must let in somebody of those it turned away:
 * the others may have reasons of their own, which are incidents of their own.
 */
function entriesFault(input: VerifyInput, entries: [string, readonly Fact[]][]): Judgement | null {
  const judged = entries.map(([user, facts]) => ({ user, facts: new Facts(facts), entry: letsIn(facts) }));
  // A service that lets somebody in but for their own token or session serves again; those are theirs to mend.
  if (whomFor(input) === 'service' && judged.some(j => j.entry.verdict === 'in' || j.entry.verdict === 'after-login'))
    return null;
  return firstOf(judged, ({ user, facts, entry }) => entryFault(input, user, facts, entry));
}

const whomFor = ({ whom, plan }: VerifyInput): 'person' | 'service' =>
  whom ?? (plan === null || plan.subject !== null ? 'person' : 'service');

function entryFault(input: VerifyInput, user: string, f: Facts, entry: Entry): Judgement | null {
  switch (entry.verdict) {
    case 'in':
      return null;
    case 'after-login':
      // Somebody who works again has logged in again, whatever an old process of theirs still shows. Until then the change
      // is there and helps, however long they stay away: nothing is to be taken back for that.
      return worksAgain(input)
        ? null
        : { state: 'propagating', because: `${user} has to log in again: ${entry.because}` };
    case 'out':
      return wait(
        input,
        'propagating',
        `the scheduler would not let ${user} in yet: ${entry.because}`,
        f.value('access.mode') === 'ldap' ? directoryLag(input, f) : 0,
      );
    case 'unknown':
      return wait(input, 'verifying', `whether ${user} is let in can't be said: ${entry.because}`);
    default:
      return entry.verdict satisfies never;
  }
}

const worksAgain = ({ ownSuccess, since }: VerifyInput): boolean =>
  typeof ownSuccess === 'number' && ownSuccess > since;

/** A denial since the change counts against it, unless it has been quiet since, or they were seen to work after it. */
function denialFault(input: VerifyInput): Judgement | null {
  const { newDenials, lastDenial = null, now, config } = input;
  if (newDenials === 0) return null;
  if (worksAgain(input) && (lastDenial === null || input.ownSuccess! > lastDenial)) return null;
  if (lastDenial !== null && now - lastDenial >= config.verify.quiet * 1000) return null;
  return wait(
    input,
    'propagating',
    newDenials === 1
      ? 'there was another denial since the change'
      : `there were ${newDenials} denials since the change`,
  );
}

function canaryFault(input: VerifyInput): Judgement | null {
  if (input.config.verify.canary === 'off' || worksAgain(input)) return null;
  const ran = input.canary.filter(c => c.ran);
  // One of those whom a service turned away may have a reason of their own.
  if (whomFor(input) === 'service' && (ran.some(c => c.passed) || nobodyIsIn(input))) return null;
  const failed = ran.find(c => !c.passed);
  if (failed) return wait(input, 'verifying', `the test jobs of ${failed.user} did not pass: ${failed.detail}`);
  if (ran.length === 0)
    return wait(input, 'verifying', `no test job has run${input.canary[0] ? `: ${input.canary[0].detail}` : ' yet'}`);
  return null;
}

/** None of those who were turned away could prove it: each has to log in first, or lacks something of their own. */
const nobodyIsIn = ({ facts }: VerifyInput): boolean =>
  !Object.entries(facts).some(([user, list]) => user !== '' && letsIn(list).verdict === 'in');

function settled(input: VerifyInput): Judgement {
  const { now, since, config, canary, plan } = input;
  if (now - since < config.verify.quiet * 1000)
    return { state: 'verifying', because: `no new denial so far; ${config.verify.quiet} s have to pass` };
  const jobs = canary.filter(c => c.ran && c.passed).reduce((sum, c) => sum + c.latencies.length, 0);
  const proof =
    jobs > 0
      ? `${jobs} test jobs accepted`
      : worksAgain(input)
        ? 'a request of their own was accepted'
        : 'the access model lets them in';
  return {
    state: 'resolved',
    because: `${plan ? 'the change is there' : 'nothing is in the way any more'}, ${proof}, no new denial`,
  };
}
