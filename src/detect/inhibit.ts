/**
 * Which incident explains another, so that it is shown beneath it and asks nobody for anything: one service incident
 * instead of two hundred people's, one probing address instead of each name it tried. A mark, never a loss.
 */

import { addressKey } from '../addresses.ts';
import type { Account, IncidentKind, State } from '../incident.ts';

/** The greater one. */
export interface Greater {
  kind: IncidentKind;
  key: string;
  host: string;
}

/** The smaller one: what its name is, and where its denials came from. */
export interface Smaller {
  kind: IncidentKind;
  host: string;
  state: State;
  account: Account;
  addresses: readonly string[];
}

/** States in which nobody has decided anything yet. Who was told what to do may be refused for everybody's cause by now. */
export const UNDECIDED: readonly State[] = ['open', 'proposed', 'advised', 'escalated', 'stale'];

/**
 * A service explains everybody whom it refused. An address explains the names it invented, where they came from nowhere
 * else; never a person with an account.
 */
export function explains(greater: Greater, smaller: Smaller): boolean {
  if (smaller.kind !== 'user' || smaller.host !== greater.host || !UNDECIDED.includes(smaller.state)) return false;
  switch (greater.kind) {
    case 'service':
      return true;
    case 'address':
      return (
        smaller.account !== 'user' &&
        smaller.addresses.length > 0 &&
        smaller.addresses.every(ip => addressKey(ip) === greater.key)
      );
    case 'user':
      return false;
    default:
      return greater.kind satisfies never;
  }
}
