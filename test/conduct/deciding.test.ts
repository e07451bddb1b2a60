/**
 * Where facts lead an incident: from every state in which somebody waits, whatever is found, there is a way that the
 * table of transitions allows, or it stays where it is. A message that has no way would be refused for ever.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { builtInPack } from '../../src/diagnose/effects.ts';
import { loadSystem } from '../../src/diagnose/system.ts';
import type { IncidentKind, State } from '../../src/incident.ts';
import { Deciding } from '../../src/roles/conduct/deciding.ts';
import { Diagnosing } from '../../src/roles/conduct/diagnosing.ts';
import { type IncidentRecord, incident, openIncident, update } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { causes, config, facts, NO_GROUP, NOW, type Observed, STRICT, why } from '../diagnose/a-host.ts';
import { aCase } from './a-case.ts';

const WAITED_FOR: readonly State[] = [
  'open',
  'stale',
  'proposed',
  'advised',
  'escalated',
  'failed',
  'not-effective',
  'denied',
];
const FOUND: Record<string, Observed> = {
  'nothing in the way': {},
  'a cause that a plan mends': NO_GROUP,
  'a cause whose plan can not be made': { ...STRICT, 'config.splice': undefined },
  'a cause that many share': STRICT,
  'a cause that only the person can mend': { 'token.present': false },
  'a cause that needs a human': { 'selinux.denials': 3, 'directory.canary': 'missing' },
  'a file that keeps nobody out yet': { 'config.valid': false, 'config.problem': 'line 4: a tab' },
  'no cause, and no way in': { 'groups.nss': undefined, 'groups.file': undefined, 'access.mode': undefined },
};

let dir: string;
let store: Store;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-deciding-'));
  store = openStore(join(dir, 'readmit.db'));
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

function inState(state: State, kind: IncidentKind, change: Parameters<typeof update>[3] = {}): IncidentRecord {
  const key = kind === 'user' ? 'alice' : 'claw-scheduler';
  const { id } = openIncident(store, NOW - 60_000, {
    kind,
    key,
    host: config.host,
    event: 'denied',
    because: 'a person with an account was refused',
    held: false,
  });
  store.run('UPDATE incident SET state = ?, attempts = 5 WHERE id = ?', state, Number(id));
  update(store, NOW, id, change);
  return incident(store, id);
}

/** The facts come in twice: the second time, whatever has to settle first has settled. */
function decided(i: IncidentRecord, observed: Observed): IncidentRecord {
  let now = NOW;
  const parts = { store, config, now: () => now, causes, system: loadSystem(builtInPack('openclaw')) };
  const diagnosing = new Diagnosing(parts);
  const deciding = new Deciding(parts, diagnosing);
  for (let n = 0; n < 2; n++) {
    const then = incident(store, i.id);
    if (!WAITED_FOR.includes(then.state)) break;
    const found = facts(observed);
    store.tx(() => deciding.decide(then, diagnosing.diagnose(then, 'alice', found), found, null));
    now += 60_000;
  }
  return incident(store, i.id);
}

describe.each(['user', 'service'] as const)('an incident of a %s', kind => {
  describe.each(WAITED_FOR)('that is %s', state => {
    it.each(Object.keys(FOUND))('%s', name => {
      for (const takenBy of [null, 'root-ann'])
        for (const cause of [null, 'openclaw/missing-group', 'openclaw/config-too-strict']) {
          const i = inState(state, kind, { takenBy, cause });
          const after = decided(i, FOUND[name]!);
          expect([...WAITED_FOR, 'verifying', 'resolved', 'expired']).toContain(after.state);
          store.run("UPDATE incident SET state = 'expired', due = NULL");
        }
    });
  });
});

it('what was in the way stays told once it is gone', () => {
  const c = aCase();
  try {
    const id = c.open('proposed', 'user', { cause: 'openclaw/missing-group', diagnosis: why(NO_GROUP) });
    expect(c.decided(id, {}).state).toBe('verifying');
    expect(c.at(id).diagnosis).toMatchObject({ cause: 'openclaw/missing-group' });
    expect(c.at(id).diagnosis!.evidence.length).toBeGreaterThan(0);
  } finally {
    c.end();
  }
});

describe('a denial stands', () => {
  test.each([
    'a cause whose plan can not be made',
    'a cause that only the person can mend',
    'a cause that needs a human',
  ])('%s is noted, and nobody is called', name => {
    const i = inState('denied', 'user', { cause: 'openclaw/missing-group' });
    const after = decided(i, FOUND[name]!);
    expect(after.state).toBe('denied');
    expect(after.due).toBeGreaterThan(NOW);
    expect(store.all('SELECT * FROM outbox')).toEqual([]);
  });

  test('and makes nobody else one of several who share a cause', () => {
    const dave = inState('proposed', 'user', { cause: 'openclaw/config-too-strict' });
    store.run("UPDATE incident SET key = 'dave' WHERE id = ?", Number(dave.id));
    decided(inState('denied', 'user'), FOUND['a cause whose plan can not be made']!);
    expect(incident(store, dave.id)).toMatchObject({ state: 'proposed', inhibitedBy: null });
    expect(store.all("SELECT * FROM incident WHERE kind = 'service'")).toEqual([]);
  });

  test('until another change can be offered', () => {
    const i = inState('denied', 'user', { cause: 'openclaw/job-yaml' });
    expect(decided(i, NO_GROUP).state).toBe('proposed');
  });

  test('or the person works without one', () => {
    expect(decided(inState('denied', 'user'), {}).state).toBe('resolved');
  });
});
