/**
 * Would the scheduler let this person in? A model of what it decides by, made of facts; and the same with a plan's steps
 * applied, so that no plan is offered that would not let anybody in. Pure.
 */
import type { Fact } from '../diagnosis.ts';
import type { Step } from '../plan.ts';
import { Facts } from './facts.ts';

export interface AccessState {
  account: 'there' | 'absent' | 'expired' | 'unknown';
  scheduler: 'up' | 'down' | 'unknown';
  mode: string | null;
  /** What the running scheduler authorises, and what the file does: they differ until it is restarted. */
  running: string[] | null;
  onDisk: string[] | null;
  /** Groups of a fresh login, and whether the directory, where it is asked, says the same of the standard group. */
  login: string[] | null;
  directory: { group: string; member: boolean } | null;
  token: 'good' | 'expired' | 'broken' | 'none' | 'unknown';
  tokenGroups: string[] | null;
  session: 'fresh' | 'stale' | 'unknown';
}

/** `after-login`: nothing is in the way but an old session or token of the person's own. */
export type Entry = { verdict: 'in' | 'after-login' | 'out' | 'unknown'; because: string };

/** The state of one person's access. `group` is the one the directory was asked about. */
export function stateOf(facts: readonly Fact[]): AccessState {
  const f = new Facts(facts);
  const onDisk = f.list('access.authorized-groups') ?? null;
  return {
    account: f.value('account.expired') === true ? 'expired' : accountOf(f.value('account.exists')),
    scheduler: schedulerOf(f),
    mode: f.text('access.mode') ?? null,
    running: f.list('config.loaded-groups') ?? (f.value('config.loaded') === false ? null : onDisk),
    onDisk,
    login: f.list('groups.nss') ?? null,
    directory: directoryOf(f),
    token: tokenOf(f),
    tokenGroups: f.list('token.groups') ?? null,
    session: f.value('session.stale') === true ? 'stale' : f.value('session.stale') === false ? 'fresh' : 'unknown',
  };
}

const accountOf = (exists: unknown): AccessState['account'] =>
  exists === true ? 'there' : exists === false ? 'absent' : 'unknown';

function schedulerOf(f: Facts): AccessState['scheduler'] {
  if (f.value('scheduler.health4') === 'healthy') return 'up';
  const active = f.value('scheduler.active');
  if (active === 'inactive' || active === 'failed') return 'down';
  if (f.value('scheduler.health4') !== undefined) return 'down';
  return active === 'active' ? 'up' : 'unknown';
}

function directoryOf(f: Facts): AccessState['directory'] {
  if (f.value('access.mode') !== 'ldap') return null;
  if (f.value('directory.standard-group') === false) return { group: '*', member: false };
  const member = f.value('directory.member');
  const group = f.text('directory.group');
  return typeof member === 'boolean' && group !== undefined ? { group, member } : null;
}

function tokenOf(f: Facts): AccessState['token'] {
  if (f.value('token.present') === false) return 'none';
  if (f.value('token.readable') === false || f.value('token.intact') === false || f.value('token.wrong-user') === true)
    return 'broken';
  const expired = f.value('token.expired');
  return expired === true ? 'expired' : expired === false ? 'good' : 'unknown';
}

/** The verdict over facts. */
export const letsIn = (facts: readonly Fact[]): Entry => judgeEntry(stateOf(facts));

/** The verdict over a state. What is unknown is said so before anything is concluded from it. */
export function judgeEntry(state: AccessState): Entry {
  const out = (because: string): Entry => ({ verdict: 'out', because });
  if (state.account === 'absent') return out('there is no such account');
  if (state.account === 'expired') return out('the account is expired');
  if (state.scheduler === 'down') return out('the scheduler does not answer');
  if (state.mode === null || state.onDisk === null)
    return { verdict: 'unknown', because: 'the configuration could not be read' };
  if (state.running === null)
    return { verdict: 'unknown', because: 'what the scheduler has loaded is not what the file says' };
  const groups = groupsThatCount(state);
  if (groups === null) return { verdict: 'unknown', because: 'the groups could not be asked' };
  const through = groups.filter(g => state.running!.includes(g));
  if (through.length === 0)
    return out(`none of the groups that count is authorised (${state.running.join(', ') || 'none'})`);
  return afterLogin(state, through);
}

/** What counts after a fresh login, by mode: a directory that says no is believed over the local files. */
function groupsThatCount({ mode, login, directory }: AccessState): string[] | null {
  if (login === null) return null;
  if (mode !== 'ldap' || directory === null) return login;
  if (directory.group === '*') return [];
  const others = login.filter(g => g !== directory.group);
  return directory.member ? [...others, directory.group] : others;
}

function afterLogin(state: AccessState, through: string[]): Entry {
  const own = (because: string): Entry => ({ verdict: 'after-login', because });
  switch (state.token) {
    case 'none':
      return own('the person has not logged in with the client yet');
    case 'expired':
      return own('the token is expired');
    case 'broken':
      return own('the cached token is damaged');
    case 'good':
    case 'unknown':
      break;
    default:
      state.token satisfies never;
  }
  if (state.mode === 'jwt' && state.tokenGroups && !through.some(g => state.tokenGroups!.includes(g)))
    return own('the token is older than the group');
  if (state.mode !== 'jwt' && state.session === 'stale') return own('the open session is older than the group');
  return { verdict: 'in', because: `through ${through.join(', ')}` };
}

/**
 * The state as it would be once these steps are done. Local group changes don't reach a directory that is asked; changes
 * of the directory reach both, in time.
 */
export function withSteps(state: AccessState, steps: readonly Step[], user: string | null): AccessState {
  return steps.reduce((now, step) => withStep(now, step, user), state);
}

function withStep(state: AccessState, step: Step, user: string | null): AccessState {
  const without = (list: string[] | null, name: string): string[] | null => list?.filter(g => g !== name) ?? null;
  const plus = (list: string[] | null, name: string): string[] | null => list && [...new Set([...list, name])];
  switch (step.action) {
    case 'group.add':
      return step.user === user ? { ...state, login: plus(state.login, step.group) } : state;
    case 'group.remove':
      return step.user === user ? { ...state, login: without(state.login, step.group) } : state;
    case 'directory.group-add':
    case 'directory.group-remove': {
      if (step.user !== user) return state;
      const member = step.action === 'directory.group-add';
      const directory = state.directory?.group === step.group ? { ...state.directory, member } : state.directory;
      return { ...state, directory, login: (member ? plus : without)(state.login, step.group) };
    }
    case 'config.authorize-group':
      return { ...state, onDisk: plus(state.onDisk, step.group) };
    case 'config.restore':
      return { ...state, onDisk: without(state.onDisk, step.group) };
    case 'service.restart':
    case 'service.start':
      return { ...state, scheduler: 'up', running: state.onDisk };
    default:
      return step satisfies never;
  }
}

/** Somebody with a fresh login, a good token and the standard group: whom a service-wide plan is for. */
export const anyMember = (state: AccessState, group: string): AccessState => ({
  ...state,
  account: 'there',
  login: [group],
  directory: null,
  token: 'good',
  tokenGroups: [group],
  session: 'fresh',
});
