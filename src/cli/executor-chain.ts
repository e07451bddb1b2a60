/**
 * The executor's chain as the command line checks it: unbroken in itself, and as long as those say who know of it: the
 * executor's own ledger, and the runs in serve's database.
 */
import { auditFile, type Config, inState } from '../config/config.ts';
import { type AuditVerdict, acceptedIn, auditFiles, type Known, verifyAgainst } from '../execute/chain.ts';
import { auditKnownBy } from '../execute/witness.ts';
import { newestRunDone } from '../store/approvals.ts';
import type { Store } from '../store/open.ts';

export interface ExecutorChain {
  verdict: AuditVerdict;
  /** An executor holds its ledger, and a copy could not be read: only the database was asked. */
  ledgerHeld: boolean;
}

/** @param store serve's database, or null where there is none yet */
export function executorChain(config: Config, store: Store | null): ExecutorChain {
  const file = auditFile(config);
  const ledger = auditKnownBy(inState(config, 'exec', 'ledger.db'));
  const known: Known[] = ledger === null || ledger === 'held' ? [] : [ledger];
  const run = store && newestRunDone(store, config.host);
  // What was lost before an administrator's decision stays lost.
  const accepted = run ? acceptedIn(auditFiles(file)) : null;
  if (run && !(accepted && Date.parse(accepted.time) >= run.ended)) known.push({ head: null, run: run.id });
  return { verdict: verifyAgainst(file, known), ledgerHeld: ledger === 'held' };
}
