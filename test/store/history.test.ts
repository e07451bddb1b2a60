/** What history remembers of the scheduler's configuration: since when what decides about access has been as it is. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Snapshot } from '../../src/messages.ts';
import { historyFacts, recordSnapshot } from '../../src/store/history.ts';
import { openStore, type Store } from '../../src/store/open.ts';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-11-23T12:00:00Z');
let dir: string;
let store: Store;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-history-'));
  store = openStore(join(dir, 'readmit.db'));
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

function seen(hours: number, hash: string, config: Partial<Snapshot['config'] & object> = {}): void {
  const at = new Date(NOON + hours * HOUR).toISOString();
  const usual = { path: '/c', hash, valid: true, mtime: at, problem: null, mode: 'groups' };
  const snapshot = { v: 1 as const, host: 'head', at, groups: {} };
  recordSnapshot(
    store,
    NOON + hours * HOUR,
    { ...snapshot, config: { ...usual, authorizedGroups: ['claw-users', 'hpc'], ...config } },
    () => null,
  );
}
const access = () =>
  historyFacts(store, NOON, 'head', null).find(f => f.fact === 'history.config-access')?.value ?? null;

it('a remark more, or the same groups in another order, is no other configuration', () => {
  seen(0, 'a', { authorizedGroups: ['claw-admins'] });
  seen(1, 'b');
  seen(2, 'c');
  seen(3, 'd', { authorizedGroups: ['hpc', 'claw-users'] });
  expect(access()).toEqual(['2026-11-23T13:00:00.000Z', 'groups', 'claw-users', 'hpc']);
});

it('another mode is one, and so is one that could not be read between', () => {
  seen(0, 'a');
  seen(1, 'b', { mode: 'jwt' });
  seen(2, 'c');
  expect(access()).toEqual(['2026-11-23T14:00:00.000Z', 'groups', 'claw-users', 'hpc']);
  seen(3, 'd', { valid: false, mode: null, authorizedGroups: [] });
  expect(access()).toBeNull();
  seen(4, 'e');
  expect(access()).toEqual(['2026-11-23T16:00:00.000Z', 'groups', 'claw-users', 'hpc']);
});

it('of a host that was never looked at nothing is said', () => {
  expect(access()).toBeNull();
});
