/** What the report reads of a store is what was so in that week, not what became of it since. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoWeek } from '../../src/report/iso-week.ts';
import { renderText } from '../../src/report/text.ts';
import { askEachOf, explain } from '../../src/roles/conduct/gathering.ts';
import { weekReportOf } from '../../src/roles/reporting.ts';
import { incident, move } from '../../src/store/incidents.ts';
import { ADD, aCase, type Case, RESTART, TAKE } from '../conduct/a-case.ts';

const MIN = 60_000;
const DAY = 24 * 60 * MIN;

let c: Case;
beforeEach(() => {
  c = aCase();
});
afterEach(() => c.end());

const thisWeek = (): string => isoWeek(c.now(), 'UTC');
/** Made a moment later: of what comes in that very millisecond more could come. */
const report = (week = thisWeek()) => weekReportOf(c.store, c.config, c.now() + 1, week);
const whoWaits = (week?: string) => report(week).waiting.map(w => w.incident);

describe('who took access back', () => {
  function given() {
    c.seen([]);
    const id = c.open('resolved', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.seen(['alice']);
    c.pass(MIN);
    return id;
  }
  const ended = () => [report().numbers.taken, report().grants.map(g => g.endedBy)];

  it('we did, when our undo took it', () => {
    const undo = c.undo(given());
    expect(ended()).toEqual([0, [null]]);
    c.answered(undo, 'done');
    expect(ended()).toEqual([1, ['us']]);
  });

  it('others did, before ours came or instead of it', () => {
    const undo = c.undo(given());
    c.answered(undo, 'already');
    expect(ended()).toEqual([0, ['others']]);
  });

  it('others did, whatever we asked for later', () => {
    const id = given();
    c.seen([]);
    c.pass(MIN);
    c.answered(c.undo(id), 'done');
    expect(ended()).toEqual([0, ['others']]);
  });
});

describe('whom a greater incident explained', () => {
  const over = (id: string): void =>
    void c.store.tx(() =>
      move(c.store, c.now(), id, incident(c.store, id).state, 'expired', { actor: 'readmit', what: 'over' }),
    );

  it('waited for nobody in that week, though they wait by themselves since', () => {
    const [greater, own] = [c.open('escalated', 'service'), c.open('open')];
    explain(c.store, c.now(), incident(c.store, greater), incident(c.store, own));
    const week = thisWeek();
    expect(whoWaits(week)).toEqual([greater]);
    c.pass(7 * DAY);
    over(greater);
    c.pass(MIN);
    expect(whoWaits()).toEqual([own]);
    expect(whoWaits(week)).toEqual([greater]);
  });

  it('and who is asked about one by one is explained from then on, too', () => {
    const greater = c.open('escalated', 'service');
    c.store.run(
      "INSERT INTO pair (incident, user, ip, endpoint, self_reported, account, count, first, last) VALUES (?, 'carol', '10.0.0.1', '', 0, 'user', 1, 1, 1)",
      Number(greater),
    );
    c.store.tx(() => askEachOf(c.store, c.now(), incident(c.store, greater)));
    const week = thisWeek();
    c.pass(7 * DAY);
    over(greater);
    c.pass(MIN);
    expect(whoWaits(week)).toEqual([greater]);
    expect(whoWaits()).toHaveLength(1);
  });
});

describe('two people', () => {
  it('are those who voted on the plan that ran: an earlier plan had votes of its own', () => {
    const id = c.open('proposed', 'service', { cause: 'openclaw/config-too-strict', tier: 2 });
    c.offer(id, [RESTART], []);
    c.order(id, 'root-ann', '');
    c.pass(MIN);
    c.offer(id, [RESTART], []);
    c.order(id, 'root-ben', '');
    c.store.run('UPDATE incident SET tier = NULL, plan_json = NULL WHERE id = ?', Number(id));
    c.pass(MIN);
    const text = renderText(report()).replace(/\s+/g, ' ');
    expect(text).toContain('a tier 2 plan ran with the single vote of root-ann');
    expect(text).toContain('a tier 2 plan ran with the single vote of root-ben');
  });
});
