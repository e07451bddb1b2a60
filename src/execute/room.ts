/**
 * What a run works with, and the ways out of it: the room holds configuration, accounts, audit, ledger and clock;
 * `NotRun` is a refusal before anything was changed.
 */
import type { Config } from '../config/config.ts';
import type { Order } from '../messages.ts';
import type { Audit } from './audit.ts';
import type { OrderStep } from './checks.ts';
import type { Ledger } from './ledger.ts';
import type { Ground, Look } from './membership.ts';

/** What the votes come to; the rules are the same ones `serve` asks (approve/policy.ts), joined in roles/exec.ts. */
type VotesVerdict =
  | { kind: 'enough' }
  | { kind: 'needs'; votes: number }
  | { kind: 'refused'; rule: string; message: string };

export interface Room extends Ground {
  config: Config;
  audit: Audit;
  ledger: Ledger;
  judge: (order: Order, now: number) => VotesVerdict;
  /** Where copies of patched files are kept. */
  backups: string;
}

/** A way out before anything was changed. */
export class NotRun extends Error {
  override name = 'NotRun';
  readonly result: 'refused' | 'stale';
  readonly rule: string;
  readonly looks: Looked[];
  constructor(result: 'refused' | 'stale', rule: string, message: string, looks: Looked[] = []) {
    super(message);
    this.result = result;
    this.rule = rule;
    this.looks = looks;
  }
}

export interface Looked {
  step: OrderStep;
  look: Look;
}
