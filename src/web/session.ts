/**
 * Who is signed in: sessions and one-time sign-in links. A secret is 32 random bytes that only the browser (or the one
 * link) holds; the store keeps its hash. Nothing that was set before a sign-in is worth anything after it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Config, originOf } from '../config.ts';
import type { Person } from '../desk.ts';
import { NotFound } from '../incident.ts';

/** A person as the approvers file has them. */
export type Listed = Omit<Person, 'since'>;

/** One row: a running session, or a link that was not used yet. `id` is the sha256 of the secret. */
export interface SessionRow {
  id: string;
  kind: 'session' | 'link';
  name: string;
  /** What every form of this session must send back. */
  csrf: string;
  /** When the person proved who they are, and when the row is worth nothing any more; epoch ms. */
  since: number;
  expires: number;
}

/** Where sessions are kept. */
export interface SessionStore {
  get(id: string): SessionRow | null;
  put(row: SessionRow): void;
  /** True when there was such a row: of two callers exactly one hears so. */
  delete(id: string): boolean;
  /** Everything of a person: sessions and links. */
  deleteAll(name: string): void;
}

/** Sessions in this process's memory; expired ones go when a new one comes. */
export function memorySessions(now: () => number): SessionStore {
  const rows = new Map<string, SessionRow>();
  return {
    get: id => rows.get(id) ?? null,
    put: row => {
      for (const [id, old] of rows) if (old.expires <= now()) rows.delete(id);
      rows.set(row.id, row);
    },
    delete: id => rows.delete(id),
    deleteAll: name => {
      for (const [id, row] of rows) if (row.name === name) rows.delete(id);
    },
  };
}

/** A signed-in person with what their forms need. */
export interface SignedIn {
  id: string;
  person: Person;
  csrf: string;
}

export interface SessionParts {
  store: SessionStore;
  /** The approvers file, read anew: null for a name that is not (or no longer) in it. */
  people: (name: string) => Listed | null;
  config: Config;
  now: () => number;
}

const LINK_LIFETIME = 15 * 60_000;
const secret = (): string => randomBytes(32).toString('base64url');
const hashed = (text: string): string => createHash('sha256').update(text).digest('hex');

export class Sessions {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /**
   * A link that signs `name` in once, within 15 minutes. Hand it to that person only.
   * @throws NotFound for a name the approvers file does not have
   */
  issueLink(name: string): string {
    const { store, people, config, now } = this.#parts;
    if (!people(name)) throw new NotFound(`${name} is not in ${config.approvers}`);
    const token = secret();
    store.put({ id: hashed(token), kind: 'link', name, csrf: '', since: now(), expires: now() + LINK_LIFETIME });
    return `${originOf(config)}/sign-in/${token}`;
  }

  /** Whom a link is for, without using it. */
  whose(token: string): string | null {
    const row = this.#alive(hashed(token), 'link');
    return row && this.#parts.people(row.name) ? row.name : null;
  }

  /** Uses a link up and starts a session. Returns the secret for the cookie; null when the link is worth nothing. */
  signIn(token: string, previous: string | null): { secret: string; session: SignedIn } | null {
    const { store, people, config, now } = this.#parts;
    const link = this.#alive(hashed(token), 'link');
    const person = link && people(link.name);
    if (!link || !person || !store.delete(link.id)) return null;
    if (previous) store.delete(hashed(previous));
    const value = secret();
    const since = now();
    const row: SessionRow = {
      id: hashed(value),
      kind: 'session',
      name: person.name,
      csrf: secret(),
      since,
      expires: since + config.web.session * 1000,
    };
    store.put(row);
    return { secret: value, session: { id: row.id, person: { ...person, since }, csrf: row.csrf } };
  }

  /** The session behind a cookie; roles are looked up anew, so a right that was taken away is gone at once. */
  find(value: string | null | undefined): SignedIn | null {
    return value ? this.byId(hashed(value)) : null;
  }

  /** The same by the row's own id: is this session still worth something? */
  byId(id: string): SignedIn | null {
    const row = this.#alive(id, 'session');
    const person = row && this.#parts.people(row.name);
    return row && person ? { id: row.id, csrf: row.csrf, person: { ...person, since: row.since } } : null;
  }

  signOut(id: string): void {
    this.#parts.store.delete(id);
  }

  signOutEverywhere(name: string): void {
    this.#parts.store.deleteAll(name);
  }

  #alive(id: string, kind: SessionRow['kind']): SessionRow | null {
    const row = this.#parts.store.get(id);
    if (row?.kind !== kind) return null;
    if (row.expires > this.#parts.now()) return row;
    this.#parts.store.delete(id);
    return null;
  }
}
