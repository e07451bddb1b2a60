/**
 * Who is signed in: sessions, whichever way they began, and one-time sign-in links. A secret is 32 random bytes that only the browser (or the one
 * link) holds; the store keeps its hash. Nothing that was set before a sign-in is worth anything after it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Config, originOf } from '../config/config.ts';
import type { Person } from '../desk.ts';
import { NotFound } from '../incident.ts';

/** A person as the approvers file has them, or, for somebody it does not have, as a provider vouches for them. */
export type Listed = Omit<Person, 'since'>;

/** How somebody signed in. */
export type Way = 'link' | 'passkey' | 'oidc' | 'ldap';

/** What a provider said of somebody when they signed in with it. */
export interface Vouched {
  way: 'oidc' | 'ldap';
  /** The provider's own id of the person (`sub`); null for a directory. */
  subject: string | null;
  /** The uid the directory has; null where it has none. */
  uid: number | null;
  /** Those of the person's groups that had a role here; a directory is asked again instead. */
  groups: string[];
}

/** What a browser showed when a session began. */
export interface Beginning {
  name: string;
  way: Way;
  vouched?: Vouched;
  /** The secret of the session this browser had, which ends. */
  previous: string | null;
  /** What the browser calls itself. */
  browser: string;
  /** When the person proved who they are, where that was earlier than now; epoch ms. */
  since?: number;
}

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
  way?: Way;
  vouched?: Vouched;
  browser?: string;
}

/** Where sessions are kept. */
export interface SessionStore {
  get(id: string): SessionRow | null;
  put(row: SessionRow): void;
  /** True when there was such a row: of two callers exactly one hears so. */
  delete(id: string): boolean;
  /** Sessions and links of a person. */
  list(name: string): SessionRow[];
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
    list: name => [...rows.values()].filter(row => row.name === name),
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

/** A session that has begun, with the secret for its cookie. */
export interface Begun {
  secret: string;
  session: SignedIn;
}

export interface SessionParts {
  store: SessionStore;
  /**
   * Who this is now, read anew: null for somebody who is not (or no longer) known. With what a provider vouched for, it
   * is the person of that provider, who need not be in the approvers file.
   */
  people: (name: string, vouched?: Vouched) => Listed | null;
  /** Called with every change of somebody's sign-in, for the record. */
  told?: (name: string, what: string) => void;
  config: Config;
  now: () => number;
}

const WAYS: Record<Way, string> = {
  link: 'by a one-time link',
  passkey: 'with a passkey',
  oidc: 'through the identity provider',
  ldap: 'with the directory',
};

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
    // Whoever comes by a link is in the approvers file: no provider has vouched for them.
    store.put({ id: hashed(token), kind: 'link', name, csrf: '', since: now(), expires: now() + LINK_LIFETIME });
    return `${originOf(config)}/sign-in/${token}`;
  }

  /** Whom a link is for, without using it. */
  whose(token: string): string | null {
    const row = this.#alive(hashed(token), 'link');
    return row && this.#parts.people(row.name) ? row.name : null;
  }

  /** Uses a link up and starts a session. Returns the secret for the cookie; null when the link is worth nothing. */
  signIn(token: string, previous: string | null, browser = ''): Begun | null {
    const link = this.#alive(hashed(token), 'link');
    if (!link || !this.#parts.people(link.name) || !this.#parts.store.delete(link.id)) return null;
    return this.begin({ name: link.name, way: 'link', previous, browser });
  }

  /** Starts a session for somebody who has just proved who they are. Null when nobody knows them. */
  begin({ name, way, vouched, previous, browser, since = this.#parts.now() }: Beginning): Begun | null {
    const { store, people, config, now, told } = this.#parts;
    const person = people(name, vouched);
    if (!person) return null;
    if (previous) store.delete(hashed(previous));
    const value = secret();
    const row: SessionRow = {
      id: hashed(value),
      kind: 'session',
      name: person.name,
      csrf: secret(),
      since,
      expires: now() + config.web.session * 1000,
      way,
      browser: browser.slice(0, 200),
      ...(vouched ? { vouched } : {}),
    };
    store.put(row);
    told?.(person.name, `signed in ${WAYS[way]}`);
    return { secret: value, session: { id: row.id, person: { ...person, since }, csrf: row.csrf } };
  }

  /** The session behind a cookie; roles are looked up anew, so a right that was taken away is gone at once. */
  find(value: string | null | undefined): SignedIn | null {
    return value ? this.byId(hashed(value)) : null;
  }

  /** The same by the row's own id: is this session still worth something? */
  byId(id: string): SignedIn | null {
    const row = this.#alive(id, 'session');
    const person = row && this.#parts.people(row.name, row.vouched);
    return row && person ? { id: row.id, csrf: row.csrf, person: { ...person, since: row.since } } : null;
  }

  /** Running sessions of a person, the newest first. */
  list(name: string): SessionRow[] {
    return this.#parts.store
      .list(name)
      .filter(row => row.kind === 'session' && row.expires > this.#parts.now())
      .sort((a, b) => b.since - a.since);
  }

  /** What a provider vouched for when the session behind this cookie began; null for any other. */
  vouchedFor(value: string | null | undefined): { name: string; vouched: Vouched } | null {
    const row = value ? this.#alive(hashed(value), 'session') : null;
    return row?.vouched ? { name: row.name, vouched: row.vouched } : null;
  }

  signOut(id: string): void {
    this.#parts.store.delete(id);
  }

  /** Ends one session of this person, in whatever browser. @throws NotFound for one that is not theirs */
  signOutOne(name: string, id: string): void {
    const row = this.#alive(id, 'session');
    if (row?.name !== name) throw new NotFound('no such session');
    this.#parts.store.delete(id);
    this.#parts.told?.(name, 'signed out another browser');
  }

  /** Ends every session and every unused link of a person; `by` says who did it, where they did not. */
  signOutEverywhere(name: string, by = ''): void {
    this.#parts.store.deleteAll(name);
    this.#parts.told?.(name, `signed out everywhere${by && `, ${by}`}`);
  }

  #alive(id: string, kind: SessionRow['kind']): SessionRow | null {
    const row = this.#parts.store.get(id);
    if (row?.kind !== kind) return null;
    if (row.expires > this.#parts.now()) return row;
    this.#parts.store.delete(id);
    return null;
  }
}
