/** What serve's database knows of the executor's chain: a run that was done must stand in it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { executorChain } from '../../src/cli/executor-chain.ts';
import { loadConfig } from '../../src/config/config.ts';
import { Audit } from '../../src/execute/audit.ts';
import { openStore } from '../../src/store/open.ts';

const dir = mkdtempSync(join(tmpdir(), 'readmit-chain-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('a run of this host that was done, and an audit file that does not know of it', () => {
  mkdirSync(join(dir, 'state/serve'), { recursive: true });
  writeFileSync(join(dir, 'readmit.yaml'), `state: ${dir}/state\nhost: head-01\n`);
  const config = loadConfig(join(dir, 'readmit.yaml'));
  const store = openStore(join(dir, 'state/serve/readmit.db'));
  const ran = (id: string, host: string, result: string): void => {
    store.run(
      "INSERT INTO run VALUES (?, 1, 1, 'plan', ?, '{}', 1000, 1000, 2000, ?)",
      id,
      host,
      JSON.stringify({ result, detail: '', steps: [] }),
    );
  };
  const broken = () => executorChain(config, store).verdict;
  expect(broken()).toMatchObject({ ok: true, entries: 0 });
  ran('r-elsewhere', 'head-02', 'done');
  ran('r-refused', 'head-01', 'refused');
  expect(broken()).toMatchObject({ ok: true, entries: 0 });
  ran('r-1', 'head-01', 'done');
  expect(broken()).toMatchObject({ ok: false, seq: 1, why: expect.stringMatching(/missing.*run r-1/) });
  const audit = new Audit(join(dir, 'state/exec/audit.jsonl'), { now: () => 1500 });
  const entry = { actor: 'ann', plan: null, before: null };
  audit.append({ ...entry, what: 'run.intent', after: { run: 'r-0' } });
  expect(broken()).toMatchObject({ ok: false, seq: 2 });
  audit.append({ ...entry, what: 'run.intent', after: { run: 'r-1' } });
  expect(broken()).toMatchObject({ ok: true, entries: 2 });
  audit.close();
  rmSync(audit.file);
  const later = new Audit(audit.file, { now: () => 3000 });
  later.append({ ...entry, what: 'audit.accepted', after: { decision: 'ann: lost' } });
  later.close();
  expect(broken()).toMatchObject({ ok: true, entries: 1 });
  store.close();
});
