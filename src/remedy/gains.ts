/**
 * Who gains and who loses access by a plan: the members of what the scheduler accepts now, against those of what it will
 * accept once the steps are done. A restart loads all that the file says, whoever wrote it there. Pure.
 */
import type { Fact } from '../diagnosis.ts';
import type { Snapshot } from '../messages.ts';
import type { Step } from '../plan.ts';
import { stateOf, withSteps } from './access-model.ts';

export interface Change {
  /** Names, sorted; a group whose members can't be told stands as `members of GROUP`. */
  gains: string[];
  loses: string[];
  /** What can't be said of it, in words. */
  notes: string[];
}

/** What these steps change in whom the scheduler accepts; somebody who is put into a group is told by that step. */
export function changeOf(facts: readonly Fact[], snapshot: Snapshot | null, steps: readonly Step[]): Change {
  if (!steps.some(step => step.action === 'service.restart')) return { gains: [], loses: [], notes: [] };
  const state = stateOf(facts);
  const [before, after] = [state.running, withSteps(state, steps, null).running];
  if (before === null || after === null)
    return {
      gains: [],
      loses: [],
      notes: ['What the scheduler accepts now is not known: who else gains or loses by the restart can’t be said.'],
    };
  return { gains: beyond(after, before, snapshot), loses: beyond(before, after, snapshot), notes: [] };
}

/** Whoever is accepted by these groups and not by those. */
function beyond(these: readonly string[], those: readonly string[], snapshot: Snapshot | null): string[] {
  const already = new Set(those.flatMap(group => membersOf(snapshot, group) ?? []));
  const more = these.filter(group => !those.includes(group));
  const people = more.flatMap(group => membersOf(snapshot, group) ?? [`members of ${group}`]);
  return [...new Set(people)].filter(name => !already.has(name)).sort();
}

/** The people of a group by the last look at it. An empty list is no answer: some directories never list anybody. */
function membersOf(snapshot: Snapshot | null, group: string): string[] | null {
  const members = snapshot?.groups[group];
  return members?.length ? members : null;
}
