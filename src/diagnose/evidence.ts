/**
 * What was seen of a request that failed explains the next one only for a while: until the person worked again, until
 * what it rests on was changed, or until it is old. Pure. What has lapsed is not known any more, and says why. And a file
 * that was only written anew is not another one.
 */
import type { Fact } from '../diagnosis.ts';
import type { FactSet } from './fact-set.ts';

/** A client's last event older than this is not what somebody means who asks now. */
const MEMORY = 3_600_000;
/** Times in a client's log have whole seconds. */
const WHOLE_SECOND = 1000;
/**
 * SELinux writes a record for each refused request; a denial this much later than the last record had none. The client
 * writes when it was; what the server wrote was seen up to a sweep later.
 */
const SELINUX_NEAR = { client: 1500, server: 3000 };

/** What a fact about a failed request came from: when that was, and the person's own start files it may rest on. */
const FROM_A_REQUEST: Record<string, { at: string; restsOnProfile: boolean }> = {
  'client.event': { at: 'client.at', restsOnProfile: false },
  'client.container': { at: 'client.at', restsOnProfile: true },
  'client.proxy': { at: 'client.at', restsOnProfile: true },
  'denial.event': { at: 'denial.last', restsOnProfile: false },
  'denial.as-root': { at: 'denial.last', restsOnProfile: true },
  'denial.addresses': { at: 'denial.last', restsOnProfile: true },
};

/** The fact as it counts now: itself, or not known any more. */
export function stillCounts(fact: Fact, set: FactSet, now: number): Fact {
  if (!fact.known) return fact;
  if (fact.fact === 'selinux.denials') return selinuxNow(fact, set);
  if (fact.fact === 'config.loaded') return loadedThen(fact, set);
  const from = FROM_A_REQUEST[fact.fact];
  const because = from && lapsed(fact, from, set, now);
  return because ? { ...fact, value: null, known: false, source: because } : fact;
}

/** Why this fact explains nothing any more, or null. */
function lapsed(
  fact: Fact,
  { at: when, restsOnProfile }: { at: string; restsOnProfile: boolean },
  set: FactSet,
  now: number,
): string | null {
  const at = set.time(when);
  if (at === undefined) return null;
  if (fact.fact.startsWith('client.') && set.value('client.event') === 'succeeded')
    return fact.fact === 'client.event' ? null : "the user's last request succeeded";
  const success = set.time('success.last');
  if (success !== undefined && success > at) return "older than the user's last success";
  if (now - at > MEMORY) return 'older than an hour';
  const changed = (name: string): boolean => (set.time(name) ?? 0) > latest(at, set);
  if (restsOnProfile && changed('profile.changed')) return `${set.source('profile.changed')}: changed since`;
  // A login that was rejected says nothing of an account that was mended after it.
  if (fact.value === 'auth-failed' && changed('account.changed') && set.value('account.expired') === false)
    return `${set.source('account.changed')}: changed since`;
  return null;
}

/**
 * The latest time at which a request of this whole second can have been: what changed later has surely changed since.
 * Where the incident was opened for it, it was no later than that.
 */
function latest(at: number, set: FactSet): number {
  const opened = set.time('denial.opened') ?? 0;
  return opened >= at ? Math.min(opened, at + WHOLE_SECOND) : at + WHOLE_SECOND;
}

/**
 * Records of SELinux count while the label they complain of is still there. Where the label can't be seen, they count
 * for the denial that they lie near.
 */
function selinuxNow(fact: Fact, set: FactSet): Fact {
  const last = set.time('selinux.last');
  if (fact.value === 0 || last === undefined) return fact;
  const none = (because: string): Fact => ({ ...fact, value: 0, source: `${fact.source}: ${because}` });
  const success = Math.max(set.time('success.last') ?? 0, set.time('success.proved') ?? 0);
  if (success > last) return none("none since the user's last success");
  if (set.value('selinux.label') !== undefined) return fact;
  const later = (time: number | undefined, near: number): boolean => time !== undefined && time - last > near;
  const denied = set.value('client.event') === 'succeeded' ? undefined : set.time('client.at');
  if (later(denied, SELINUX_NEAR.client) || later(set.time('denial.last'), SELINUX_NEAR.server))
    return none('none at the time of the denial');
  return fact;
}

/**
 * A file that is newer than the scheduler's start was perhaps only written anew, with the same words or another remark:
 * history knows whether what decides about access was the same then. What the scheduler itself says counts more.
 */
function loadedThen(fact: Fact, set: FactSet): Fact {
  const [since = '', mode, ...groups] = set.list('history.config-access') ?? [];
  const started = set.time('scheduler.started');
  const now = set.list('access.authorized-groups');
  if (fact.value !== false || set.list('config.loaded-groups') || started === undefined || !now) return fact;
  const same = mode === set.value('access.mode') && groups.join('\n') === [...now].sort().join('\n');
  return same && Date.parse(since) <= started
    ? { ...fact, value: true, source: `${fact.source}; ${set.source('history.config-access')}` }
    : fact;
}
