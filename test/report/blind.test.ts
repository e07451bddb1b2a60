/** Silence is no peace: what nobody watched stands in the report, until somebody watches again or nobody has to. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { renderText } from '../../src/report/text.ts';
import { heard, noticeSilent } from '../../src/roles/blind.ts';
import { weekReportOf } from '../../src/roles/reporting.ts';
import { openStore, type Store } from '../../src/store/open.ts';

const HOST = 'claw-head-01';
const LOG = '/var/log/claw-scheduler.log';
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string): number => Date.parse(`${text}Z`);
/** A Tuesday. */
const BEGIN = at('2026-11-10T00:00:00');

let dir: string;
let store: Store;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-blind-'));
  store = openStore(join(dir, 'readmit.db'));
  store.run("UPDATE meta SET value = ? WHERE key = 'installed'", at('2026-01-01T00:00:00'));
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

type State = 'ok' | 'catching-up' | 'missing';
/** The agent of a host says how its logs are. */
function says(now: number, logs: Record<string, State> = { [LOG]: 'ok' }, host = HOST, clock = now): void {
  const sources = Object.entries(logs).map(([path, state]) => ({
    path,
    kind: 'server' as const,
    state,
    why: '',
    lag: 0,
  }));
  const rest = { files: 1, spooled: 0, refused: 0, executor: 'ok' };
  heard(store, now, { v: 1, host, at: new Date(clock).toISOString(), sources, ...rest });
  for (const path of Object.keys(logs))
    store.run(
      "INSERT OR IGNORE INTO source (host, id, path, kind, committed, updated) VALUES (?, ?, ?, 'server', 0, ?)",
      ...[host, path, path, now],
    );
}
const blind = () =>
  store
    .all<{ path: string; since: number; until: number | null }>('SELECT path, since, until FROM blind ORDER BY id')
    .map(b => [b.path, b.since, b.until]);
const told = (week: string, now: number) => {
  const config = parseConfig(`state: ${dir}\napprovers: ${dir}/none.yaml\n`, 'readmit.yaml');
  const report = weekReportOf(store, config, now, week);
  return { ms: report.numbers.blindMs, hosts: report.hosts, text: renderText(report, 'first').replace(/\s+/g, ' ') };
};

describe('an agent that is dead', () => {
  it('since before the week: the report of the week does not say that the logs were read', () => {
    says(BEGIN);
    noticeSilent(store, BEGIN + 10 * SECOND, 0);
    expect(blind()).toEqual([]);
    noticeSilent(store, BEGIN + 30 * SECOND, 0);
    expect(blind()).toEqual([['every log', BEGIN, null]]);
    const report = told('2026-W47', at('2026-11-23T07:00:00'));
    expect(report.ms).toBe(7 * DAY);
    expect(report.text).toContain('Logs could not be read for 7 d in all');
    expect(report.text).not.toContain('without a gap');
  });

  it('says so to whoever asks for the report while nobody notes it', () => {
    says(BEGIN);
    expect(told('2026-W46', BEGIN + 29 * SECOND).ms).toBe(0);
    expect(told('2026-W47', at('2026-11-23T07:00:00')).ms).toBe(7 * DAY);
    expect(blind()).toEqual([]);
  });

  it('is blind from its last word until it has caught up', () => {
    says(BEGIN);
    noticeSilent(store, BEGIN + HOUR, 0);
    says(BEGIN + 2 * HOUR, { [LOG]: 'catching-up' });
    expect(blind()).toEqual([['every log', BEGIN, null]]);
    says(BEGIN + 3 * HOUR);
    expect(blind()).toEqual([['every log', BEGIN, BEGIN + 3 * HOUR]]);
  });

  it('gets the time to come back when we were away ourselves; what it was away meanwhile counts', () => {
    says(BEGIN);
    const started = BEGIN + DAY;
    noticeSilent(store, started + 29 * SECOND, started);
    expect(blind()).toEqual([]);
    says(started + 29 * SECOND);
    expect(blind()).toEqual([['every log', BEGIN, started + 29 * SECOND]]);
  });

  it('was not away when what it said only waited for us', () => {
    const started = BEGIN + DAY;
    for (let said = BEGIN; said < BEGIN + HOUR; said += 5 * SECOND)
      says(said === BEGIN ? BEGIN : started, undefined, HOST, said);
    expect(blind()).toEqual([]);
  });

  it('for a month is gone for good: its logs do not count as unread for ever', () => {
    says(BEGIN, { [LOG]: 'missing' });
    says(BEGIN, undefined, 'claw-head-02');
    noticeSilent(store, BEGIN + HOUR, 0);
    for (let day = 1; day < 60; day++) {
      says(BEGIN + day * DAY, undefined, 'claw-head-02', BEGIN);
      noticeSilent(store, BEGIN + day * DAY + 10 * SECOND, 0);
    }
    const open = store.all('SELECT path FROM blind WHERE host = ? AND until IS NULL', HOST);
    expect(open).toEqual([]);
    const after = told('2026-W53', BEGIN + 60 * DAY);
    expect(after).toMatchObject({ ms: 0, hosts: ['claw-head-02'] });
    expect(after.text).toContain('The logs of claw-head-02 were read without a gap.');
    expect(told('2026-W48', BEGIN + 60 * DAY).ms).toBe(14 * DAY);
  });
});

describe('a log that can not be read', () => {
  it('is blind until it can, and what is caught up on was not seen yet', () => {
    says(BEGIN, { [LOG]: 'missing' });
    says(BEGIN + 5 * SECOND, { [LOG]: 'catching-up' });
    says(BEGIN + 10 * SECOND);
    expect(blind()).toEqual([[LOG, BEGIN, BEGIN + 10 * SECOND]]);
  });

  it('and that nobody is to read any more is blind no longer', () => {
    says(BEGIN, { '/var/log/old.log': 'missing' });
    says(BEGIN + 5 * SECOND, {});
    expect(blind()).toEqual([['/var/log/old.log', BEGIN, null]]);
    says(BEGIN + 10 * SECOND);
    expect(blind()).toEqual([['/var/log/old.log', BEGIN, BEGIN + 10 * SECOND]]);
  });
});
