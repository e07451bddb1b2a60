/**
 * A silence mutes incidents by matcher until a time: no mail, a mark on the page, and its author and reason beside it.
 * A matcher says exactly what it means, or the beginning of it and a star.
 */
import type { IncidentKind } from '../incident.ts';

export interface Matcher {
  kind?: string | undefined;
  key?: string | undefined;
  cause?: string | undefined;
  host?: string | undefined;
  user?: string | undefined;
  ip?: string | undefined;
}

export interface Silence {
  id: string;
  matcher: Matcher;
  /** Epoch ms; from then on it mutes nothing. */
  until: number;
  author: string;
  reason: string;
}

/** What an incident shows to a matcher: everybody and every address its denials were of. */
export interface Silenced {
  kind: IncidentKind;
  key: string;
  cause: string | null;
  host: string;
  users: readonly string[];
  ips: readonly string[];
}

/** The silence that lasts longest of those that mute this incident now, or null. A matcher that asks nothing mutes nothing. */
export function silencedBy(incident: Silenced, silences: readonly Silence[], now: number): Silence | null {
  return silences
    .filter(silence => silence.until > now && matches(silence.matcher, incident))
    .reduce<Silence | null>(
      (longest, silence) => (longest && longest.until >= silence.until ? longest : silence),
      null,
    );
}

/** True when every part of the matcher holds; of several users or addresses, all must be meant. */
export function matches(matcher: Matcher, incident: Silenced): boolean {
  const asked = Object.entries(matcher).filter(([, wanted]) => wanted !== undefined) as [keyof Matcher, string][];
  const users = incident.kind === 'user' ? [incident.key] : incident.users;
  const ips = incident.kind === 'address' ? [incident.key] : incident.ips;
  const values: Record<keyof Matcher, readonly string[]> = {
    kind: [incident.kind],
    key: [incident.key],
    cause: incident.cause === null ? [] : [incident.cause],
    host: [incident.host],
    user: users,
    ip: ips,
  };
  return (
    asked.length > 0 &&
    asked.every(([part, wanted]) => values[part].length > 0 && values[part].every(value => like(wanted, value)))
  );
}

const like = (wanted: string, value: string): boolean =>
  wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : value === wanted;
