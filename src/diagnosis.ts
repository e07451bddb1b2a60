/**
 * What was found out: facts with where they came from, the causes that hold and those that were ruled out, and what is to be
 * done. Plain data, like every noun.
 */

export type FactValue = string | number | boolean | string[] | null;

/** The answer of one read-only probe. A probe that could not answer has `known: false` and says why in `source`. */
export interface Fact {
  fact: string;
  value: FactValue;
  known: boolean;
  /** The command or file it came from, as a person would check it. */
  source: string;
  /** ISO 8601 time of the answer. */
  at: string;
}

export interface Evidence {
  fact: string;
  value: FactValue;
  source: string;
  at: string;
}

/** `the token of alice has expired (openclaw/expired-token)`: what holds beside the cause, for people. */
export const alsoSaid = ({ cause, title }: Diagnosis['also'][number]): string =>
  title === undefined ? cause : `${title} (${cause})`;

export interface Diagnosis {
  user: string;
  /** Pack and cause, e.g. `openclaw/missing-group`; null when none holds. The first that must be mended. */
  cause: string | null;
  title: string;
  /** What else holds, in the order in which it must be mended; those stored before they had titles have none. */
  also: { cause: string; title?: string; evidence: Evidence[] }[];
  /** 0..1: the share of the facts the cause asks for that were known. */
  confidence: number;
  evidence: Evidence[];
  ruledOut: { cause: string; because: string }[];
  /** What couldn't be asked, each with the reason. */
  unknown: { fact: string; because: string }[];
  remedy: Remedy;
}

/** What a cause rule asks for; `more`: what the other causes that hold ask for, where mending the first lets nobody in. `none`: never healed, a human looks (probing, access removed on purpose). */
export type Remedy =
  | { kind: 'plan'; actions: ActionRequest[]; more?: ActionRequest[]; advice?: Advice }
  | { kind: 'tell'; advice: Advice }
  | { kind: 'advice'; advice: Advice }
  | { kind: 'none'; why: string };

/** Commands to copy, and the check afterwards. Readmit never runs advice. */
export interface Advice {
  /** For whom: the person concerned, or the administrators. */
  to: 'user' | 'administrator';
  text: string;
  commands: string[];
  check: string;
}

/** An action by name with the parameters a cause rule gave it, before it became steps. */
export interface ActionRequest {
  action: string;
  params: Record<string, string>;
}
