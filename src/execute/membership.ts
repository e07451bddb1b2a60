/**
 * The verbs `group.add` and `group.remove`: looks whether there is anything to do, runs `usermod` with its own argv, and
 * believes only the group file afterwards: `usermod` exits 0 without effect where the group lives in a directory, and
 * with an error where the change was made.
 */
import type { CommandResult, RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import type { Accounts, Group, GroupsOf, Person } from './accounts.ts';
import {
  argvOf,
  checkAccount,
  checkGroup,
  checkPerson,
  type DirectoryStep,
  elevatedGroups,
  type GroupStep,
  type Refusal,
} from './checks.ts';
import { redact } from './redact.ts';

/** What a look at the world says of a step. `state` is what is read, for the audit. */
export type Look =
  | { kind: 'todo' | 'already'; state: string }
  | { kind: 'stale' | 'refused'; rule: string; why: string; state: string };

/** What a step came to. `already`: somebody else did just the same in between, so it is not ours to take back. */
export interface Deed {
  result: 'done' | 'already' | 'failed';
  note: string;
}

export interface Ground {
  config: Config;
  accounts: Accounts;
  run: RunCommand;
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keys that lead to the list of authorised groups in the scheduler's configuration. */
  listPath: () => readonly string[];
}

/** `usermod` waits about 14 seconds for a lock by itself; so this is long enough. */
const ATTEMPTS = 3;
const BACKOFF_MS = 250;
/** What both programs say while another one holds the lock; `gpasswd` has no exit code of its own for it. */
const LOCKED = /cannot lock/;
/** `E_GRP_UPDATE`: the lock of another program, and whatever else kept the group file from being written. */
const NOT_WRITTEN = 10;

const isHeldUp = ({ code, stderr }: CommandResult): boolean =>
  code === NOT_WRITTEN || (code !== 0 && LOCKED.test(stderr));

/** The person and the group of a step as they are now, and why it must not be. */
export async function whoAndWhere(
  step: GroupStep | DirectoryStep,
  { accounts, config, now }: Pick<Ground, 'accounts' | 'config' | 'now'>,
  purpose: 'giving' | 'taking-back',
): Promise<{ person: Person | null; group: Group | null; groups: GroupsOf; refusal: Refusal | null }> {
  const [person, group] = await Promise.all([accounts.person(step.user), accounts.group(step.group)]);
  const those = [...elevatedGroups(config), step.group];
  const groups = person ? await accounts.groupsOf(person, those) : { names: new Set<string>(), known: false };
  const usable = purpose === 'giving' ? checkAccount(step, accounts.expiry(step.user, now())) : null;
  const refusal = checkPerson(step, person, groups, config, purpose) ?? usable ?? checkGroup(step, group);
  return { person, group, groups, refusal };
}

export async function lookAtMembership(
  step: GroupStep,
  ground: Ground,
  purpose: 'giving' | 'taking-back',
): Promise<Look> {
  const { accounts, config } = ground;
  const { person, groups, refusal } = await whoAndWhere(step, ground, purpose);
  const state = person
    ? `${step.user} (uid ${person.uid}): ${listed(groups, [...elevatedGroups(config), step.group])}`
    : `${step.user}: no such user`;
  if (refusal) return { kind: refusal.result, rule: refusal.rule, why: refusal.message, state };
  if (step.action === 'group.add') return { kind: groups.names.has(step.group) ? 'already' : 'todo', state };
  if (accounts.listedLocally(step.user, step.group)) return { kind: 'todo', state };
  if (!groups.names.has(step.group)) return { kind: 'already', state };
  return {
    kind: 'refused',
    rule: 'not-local',
    why: `${step.user} is in ${step.group}, but not through the local group file`,
    state,
  };
}

/** Some people are in hundreds of groups: then those that matter here, as many as there is room for, and how many there are. */
const LONGEST_LIST = 1000;
function listed({ names, known }: GroupsOf, matter: readonly string[]): string {
  const more = known ? '' : ' (NSS did not answer)';
  const all = [...names].sort().join(' ');
  if (all.length <= LONGEST_LIST) return all + more;
  const first = matter.filter(name => names.has(name));
  const text = [...first, ...[...names].filter(name => !first.includes(name)).sort()].join(' ');
  return `${text.slice(0, LONGEST_LIST)}… (${names.size} groups)${more}`;
}

export async function changeMembership(step: GroupStep, ground: Ground): Promise<Deed> {
  const { run, sleep, config } = ground;
  for (let attempt = 1; ; attempt++) {
    let result: CommandResult;
    try {
      result = await run(argvOf(step), { timeoutMs: config.executor.timeout * 1000 });
    } catch (error) {
      return { result: 'failed', note: `${argvOf(step)[0]} could not be started: ${(error as Error).message}` };
    }
    if (await isEffective(step, ground))
      return { result: 'done', note: result.code === 0 ? '' : `${ended(result)}, but the change is there` };
    if (isHeldUp(result) && attempt < ATTEMPTS) {
      await sleep(BACKOFF_MS * 2 ** attempt);
      continue;
    }
    return { result: 'failed', note: await whyNot(step, result, attempt, ground) };
  }
}

/** Read back: for `group.add` the file or NSS lists the person; for `group.remove` the file no longer does. */
export async function isEffective(step: GroupStep, { accounts }: Pick<Ground, 'accounts'>): Promise<boolean> {
  if (step.action === 'group.remove') return !accounts.listedLocally(step.user, step.group);
  if (accounts.listedLocally(step.user, step.group)) return true;
  const person = await accounts.person(step.user);
  return person !== null && (await accounts.groupsOf(person, [step.group])).names.has(step.group);
}

async function whyNot(step: GroupStep, result: CommandResult, attempt: number, { accounts }: Ground): Promise<string> {
  if (result.timedOut) return `${ended(result)}; ${step.user} was not changed`;
  if (isHeldUp(result))
    return LOCKED.test(result.stderr) || !result.stderr.trim()
      ? `the group file is locked by another program (tried ${attempt} times); its lock was left alone`
      : `${ended(result)} (tried ${attempt} times)`;
  const local = (await accounts.group(step.group))?.where === 'local';
  if (result.code === 0 && !local)
    return `not effective: the group ${step.group} isn't local; it has to be changed in the directory`;
  return result.code === 0 ? `not effective: ${argvOf(step)[0]} reported success and changed nothing` : ended(result);
}

/** How a program ended, in words, with the first line it complained with. */
export function ended(result: CommandResult): string {
  const how = result.timedOut
    ? `killed after ${Math.round(result.ms / 1000)} s`
    : result.signal
      ? `ended by ${result.signal}`
      : `exit ${result.code}`;
  const said = redact((result.stderr || result.stdout).trim().split('\n')[0] ?? '').slice(0, 300);
  return `${result.argv[0]} ${how}${said ? `: ${said}` : ''}`;
}
