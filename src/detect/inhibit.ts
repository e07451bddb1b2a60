/**
 * Which open incident explains another, so that it is shown beneath it and asks nobody for anything: one service incident
 * instead of two hundred people's, one probing address instead of each name it tried. A mark, never a loss.
 */
import type { Account, IncidentKind } from '../incident.ts';
import { addressKey } from './address.ts';

/** What is needed to know of an open incident. */
export interface Explained {
  id: string;
  kind: IncidentKind;
  key: string;
  host: string;
  cause: string | null;
  /** Of a user incident: what its name is. */
  account?: Account;
  /** Where its denials came from. */
  addresses?: readonly string[];
}

export type Inhibition =
  | { kind: 'inhibited'; by: string; because: 'service-explains' | 'address-explains' }
  | { kind: 'free'; because: 'not-a-user' | 'own-cause' | 'nothing-greater' };

/**
 * @param incident the one in question
 * @param open the other open incidents
 * @param shared addresses that are never one attacker
 */
export function inhibition(
  incident: Explained,
  open: readonly Explained[],
  shared: { has(ip: string): boolean },
): Inhibition {
  if (incident.kind !== 'user') return { kind: 'free', because: 'not-a-user' };
  const others = open.filter(other => other.id !== incident.id && other.host === incident.host);
  const service = others.find(other => other.kind === 'service');
  // Somebody with a cause of their own is not helped by mending the service.
  if (service && (incident.cause === null || service.cause === null || incident.cause === service.cause))
    return { kind: 'inhibited', by: service.id, because: 'service-explains' };
  const address = others.find(other => other.kind === 'address' && probed(incident, other, shared));
  if (address) return { kind: 'inhibited', by: address.id, because: 'address-explains' };
  return { kind: 'free', because: service ? 'own-cause' : 'nothing-greater' };
}

/** A name nobody has, denied from that address only, and nobody else works from there. */
function probed(user: Explained, address: Explained, shared: { has(ip: string): boolean }): boolean {
  const from = user.addresses ?? [];
  return (
    user.account !== 'user' && from.length > 0 && from.every(ip => !shared.has(ip) && addressKey(ip) === address.key)
  );
}
