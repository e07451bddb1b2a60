/** `readmit audit verify|show`: the journal in the database and the executor's own file, each a hash chain. */
import { auditFile, inState, loadConfig } from '../config/config.ts';
import { auditFiles, entryOf } from '../execute/audit.ts';
import { Usage } from '../incident.ts';
import type { AuditEntry } from '../plan.ts';
import { readRegular } from '../regular-file.ts';
import { type JournalEntry, journal, verifyJournal } from '../store/journal.ts';
import { openStoreToRead, type Store } from '../store/open.ts';
import { visible } from '../visible.ts';
import { executorChain } from './executor-chain.ts';
import { print, printJson } from './print.ts';

export async function audit(what: string, o: { config?: string; json?: boolean; from?: string }): Promise<number> {
  const config = loadConfig(o.config);
  const store = openStoreToRead(inState(config, 'serve', 'readmit.db'));
  const file = auditFile(config);
  try {
    if (what === 'verify') {
      const { verdict, ledgerHeld } = executorChain(config, store);
      const chains = { journal: verifyJournal(store), executor: verdict };
      if (o.json) printJson(chains);
      else
        for (const [name, c] of Object.entries(chains))
          print(
            c.ok
              ? `${name}: ${c.entries} entries, unbroken; head ${c.head ?? 'none'}`
              : `${name}: BROKEN at entry ${'seq' in c ? `${c.seq} (${c.file}:${c.line})` : c.firstBad}: ${c.why}`,
          );
      if (!o.json && ledgerHeld)
        print("(the executor runs and holds its ledger: its chain was compared with serve's database only)");
      return Object.values(chains).every(c => c.ok) ? 0 : 1;
    }
    if (what !== 'show') throw new Usage(`audit ${what}: verify or show`);
    const from = o.from === undefined ? 1 : Number(o.from);
    if (!(Number.isInteger(from) && from > 0)) throw new Usage(`--from ${o.from}: the number of an entry`);
    const entries = [
      ...journalFrom(store, from).map(e => ({ chain: 'journal', ...e })),
      ...executorEntries(file)
        .filter(e => e.seq >= from)
        .map(e => ({ chain: 'executor', ...e })),
    ].sort((a, b) => a.time.localeCompare(b.time));
    if (o.json) printJson(entries);
    else
      for (const e of entries)
        print(
          `${e.time}  ${e.chain.padEnd(8)} ${String(e.seq).padStart(5)}  ${e.actor}: ${visible(e.what)}  ${e.digest.slice(0, 12)}`,
        );
    return 0;
  } finally {
    store.close();
  }
}

/** Entries that are read at once. */
const READ = 5000;

/** Every entry of the journal from this one on. */
function journalFrom(store: Store, from: number): JournalEntry[] {
  const all: JournalEntry[] = [];
  for (;;) {
    const entries = journal(store, (all.at(-1)?.seq ?? from - 1) + 1, READ);
    for (const entry of entries) all.push(entry);
    if (entries.length < READ) return all;
  }
}

const executorEntries = (file: string): AuditEntry[] =>
  auditFiles(file)
    .flatMap(part => readRegular(part, 'followed').toString('utf8').split('\n').filter(Boolean).map(entryOf))
    .filter(e => e !== null);
