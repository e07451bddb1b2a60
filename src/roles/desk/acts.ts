/** What a desk needs besides its store: to act, and to know how the parts around it are. */
import type { Health, Person } from '../../desk.ts';
import { Refused } from '../../incident.ts';
import type { Vote } from '../../plan.ts';
import type { Approvals } from '../conduct/approvals.ts';
import type { Polled } from '../conduct/polling.ts';

export interface DeskActs {
  vote(vote: Vote): void;
  signFor(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): Vote;
  undo(person: Person, id: string, grant?: string, reason?: string): void;
  retry(person: Person, id: string): void;
  endBy(person: Person, id: string, until: number | null): void;
  /** How many votes of which kind a plan still needs. */
  needs(incident: Polled): number;
  /** Ids of votes on it that count no more. */
  lapsed(incident: Polled): ReadonlySet<string>;
  queue(): { up: boolean; detail: string };
  mail(): { up: boolean; detail: string };
  receivers?(): NonNullable<Health['receivers']>;
  /** Brings the sums up to date with the event store. */
  fold(): void;
  /** Is this an address many honest people share? */
  shared(ip: string): boolean;
}

/** What a desk opened only for reading may say of acting. */
export const readingOnly = (needs: DeskActs['needs'], lapsed: DeskActs['lapsed'] = () => new Set()): DeskActs => {
  const refuse = (): never => {
    throw new Refused('this copy is opened for reading only');
  };
  return {
    vote: refuse,
    signFor: refuse,
    undo: refuse,
    retry: refuse,
    endBy: refuse,
    needs,
    lapsed,
    queue: () => ({ up: true, detail: '' }),
    mail: () => ({ up: true, detail: '' }),
    fold: () => {},
    shared: () => false,
  };
};

/** What people do, by the rules of approvals. */
export const actsOf = (
  approvals: Approvals,
): Pick<DeskActs, 'vote' | 'signFor' | 'undo' | 'retry' | 'needs' | 'lapsed'> => ({
  vote: vote => approvals.vote(vote),
  signFor: (...vote) => approvals.signFor(...vote),
  undo: (...what) => approvals.undo(...what),
  retry: (person, id) => approvals.retry(person, id),
  needs: incident => approvals.needs(incident),
  lapsed: incident => approvals.lapsed(incident),
});
