/**
 * The ways to sign in that a site may have beside the one-time link, as the page needs them: passkeys, an identity
 * provider, a directory. `roles/` joins them with the store and the approvers file.
 */
import type { Person } from '../desk.ts';
import type { Assertion, Decision, Vote } from '../plan.ts';
import type { Vouched } from './session.ts';

/** A passkey as its owner's page shows it; times are epoch ms. */
export interface ListedPasskey {
  id: string;
  label: string;
  /** `SHA256:…`, what the owner tells root. */
  fingerprint: string;
  created: number;
  used: number | null;
  /** Root has put it into the approvers file: its votes count. */
  listed: boolean;
}

/** What a passkey answers to a challenge; the signature in base64. */
export interface PasskeyAnswer {
  assertion: Assertion;
  signature: string;
}

export interface PasskeyParts {
  /** Why no browser offers passkeys for this page; null when they do. */
  unusable: string | null;
  list(name: string): ListedPasskey[];
  /** Ids of the person's passkeys that the approvers file has. */
  voting(name: string): string[];
  /** Options for `navigator.credentials.create`, binary values in base64url. */
  registration(person: Person): Promise<unknown>;
  /** @throws Refused saying what is wrong with the browser's answer */
  register(person: Person, answer: unknown, label: string): Promise<void>;
  /** @throws NotFound for one that is not theirs */
  remove(person: Person, id: string): void;
  /** A new challenge to sign in with, good once. */
  challenge(): { challenge: string; site: string };
  /** Whose passkey this is. @throws Refused */
  signIn(answer: PasskeyAnswer): string;
  /** A vote for this person's passkey to sign, and its hash. @throws Refused naming the rule */
  toSign(
    person: Person,
    id: string,
    digest: string,
    decision: Decision,
    reason: string,
  ): { vote: Omit<Vote, 'signature' | 'assertion'>; challenge: string; site: string; credentials: string[] };
  /** Takes the signed vote. @throws Refused naming the rule */
  vote(person: Person, vote: Vote): void;
}

/** Somebody whom a provider vouches for. `name` is ours for them. */
export interface VouchedPerson {
  name: string;
  vouched: Vouched;
  /** When they proved who they are, epoch ms. */
  since: number;
}

export interface ProviderParts {
  /** What the button says: `Sign in with LABEL`. */
  label: string;
  /** Where to send the browser, and what it must bring back (for a cookie). @throws Retry */
  begin(): Promise<{ url: string; mine: string }>;
  /** @throws Refused saying why nobody is signed in; Retry when the provider does not answer */
  finish(query: string, mine: string | null): Promise<VouchedPerson>;
}

export interface DirectoryParts {
  /** Null for a wrong password and an unknown name alike. @throws Retry when the directory does not answer */
  check(name: string, password: string): Promise<VouchedPerson | null>;
  /** Asks the directory again what this person may do, where the last answer is not new. */
  lookAgain(name: string): Promise<void>;
}

export interface Ways {
  passkeys?: PasskeyParts;
  provider?: ProviderParts;
  directory?: DirectoryParts;
}
