/**
 * Days at a cluster, made up by a seeded die: incidents come, are voted on, silenced, taken over, mended; the receiver
 * fails now and then, and `serve` dies in the middle of things. Whatever happens, what was taken was taken once, reminders
 * keep their distance, and nobody hears of an end who did not hear of a beginning.
 */
import { expect, it } from 'vitest';
import { isEnded } from '../../src/incident.ts';
import { saveSilence } from '../../src/store/desk-rows.ts';
import { incident } from '../../src/store/incidents.ts';
import { anOffice, HOUR, MIN } from './a-post.ts';

/** Mulberry32. */
function die(seed: number): (sides: number) => number {
  let state = seed;
  return sides => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * sides);
  };
}

const NOTIFY = `{receivers: [{name: bot, type: webhook, url: "HOOK/bot", secretFile: DIR/secret}],
  routes: [{receiver: bot, repeatInterval: 10800, muteTimes: [nights]}], remindAfter: 3600, escalateAfter: 14400, escalateTo: bot,
  timeIntervals: [{name: nights, intervals: [{times: [{startTime: "22:00", endTime: "24:00"}, {startTime: "00:00", endTime: "06:00"}]}]}]}`;

interface Told {
  id: string;
  at: number;
  type: string;
  incident: string | null;
}

it.each([1, 2, 3, 4, 5])('seed %i', async seed => {
  const roll = die(seed);
  const o = await anOffice(NOTIFY, { files: { secret: 'key' }, perHour: 1000 });
  const ids: string[] = [];
  const pick = (): string | undefined => ids[roll(Math.max(1, ids.length))];
  const quiet = new Map<string, number>();
  let crashes = 0;
  try {
    for (let step = 0; step < 70; step++) {
      const id = pick();
      const state = id === undefined ? null : incident(o.store, id).state;
      switch (roll(9)) {
        case 0:
        case 1:
          ids.push(o.propose(`u${ids.length}`, roll(3) === 0 ? 2 : 1));
          break;
        case 2:
          if (state === 'proposed')
            for (const to of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(id!, to);
          break;
        case 3:
          if (state === 'proposed') {
            o.change(id!, { takenBy: 'root-ann' });
            quiet.set(id!, o.now());
          }
          break;
        case 4:
          if (id && !isEnded(state!))
            saveSilence(o.store, o.now(), {
              matcher: { key: incident(o.store, id).key },
              until: o.now() + (1 + roll(5)) * HOUR,
              author: 'root-ann',
              reason: 'x',
            });
          break;
        case 5:
          o.hook.manner = { status: [200, 200, 503, 404][roll(4)]! };
          break;
        case 6:
          crashes++;
          await o.crash(roll(8));
          break;
        default:
          await o.pass((1 + roll(90)) * MIN, 10 * MIN);
      }
    }
    o.hook.manner = { status: 200 };
    await o.pass(12 * HOUR, 20 * MIN);

    const taken: Told[] = o.hook.came
      .filter(c => c.answered === 200)
      .map(c => {
        const { type, data } = JSON.parse(c.body) as { type: string; data: { incident: { id: string } | null } };
        return {
          id: String(c.headers['webhook-id']),
          at: Number(c.headers['webhook-timestamp']) * 1000,
          type: type.slice('readmit.'.length),
          incident: data.incident?.id ?? null,
        };
      });
    // Only a death between the receiver's yes and our note of it can bring a message twice; its id is the same then.
    expect(taken.length - new Set(taken.map(t => t.id)).size).toBeLessThanOrEqual(crashes);
    const once = [...new Map(taken.map(t => [t.id, t])).values()];
    expect(once.length).toBeGreaterThan(10);

    for (const id of ids) {
      const of = (type: string): Told[] => once.filter(t => t.incident === id && t.type === type);
      expect(of('alert').length, `alerts of ${id}`).toBeLessThanOrEqual(1);
      expect(of('resolved').length, `ends of ${id}`).toBeLessThanOrEqual(1);
      expect(of('escalation').length, `escalations of ${id}`).toBeLessThanOrEqual(1);
      const rows = o.store.all<{ key: string; created: number }>(
        "SELECT key, created FROM outbox WHERE incident = ? AND key LIKE 're%' ORDER BY created",
        Number(id),
      );
      for (const [kind, apart] of [
        ['remind-', HOUR],
        ['repeat-', 3 * HOUR],
      ] as const) {
        const at = rows.filter(r => r.key.startsWith(kind)).map(r => r.created);
        for (let n = 1; n < at.length; n++) expect(at[n]! - at[n - 1]!, `${kind}${id}`).toBeGreaterThanOrEqual(apart);
      }
      const told = o.desk.show(id).told!;
      if (of('resolved').length)
        expect(
          told.some(t => t.letter === 'alert' && /^(sent|muted until)/.test(t.state)) || of('escalation').length,
        ).toBeTruthy();
      // Nobody is bothered after somebody took it over.
      const since = quiet.get(id);
      if (since !== undefined)
        expect(rows.filter(r => /^(remind|escalate)/.test(r.key) && r.created > since)).toEqual([]);
    }
    // At night nothing is said.
    for (const t of once) {
      const hour = new Date(t.at).getUTCHours();
      if (hour >= 22 || hour < 6) expect(t.type, new Date(t.at).toISOString()).toBe('never');
    }
    // Nothing is left waiting but the digest of a night that goes on: the receiver is well again.
    expect(o.rows().filter(r => r.done === null && !r.key.startsWith('muted-'))).toEqual([]);
  } finally {
    await o.end();
  }
});
