/**
 * One incident for many, through the running program: an address that tries names is one alert with the names beneath it,
 * and a storm that nobody can explain does not keep a person from the help they need themselves.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentRow } from '../../src/desk.ts';
import { isEnded } from '../../src/incident.ts';
import { denial, startCluster, write } from '../faults/lab.ts';
import type { Cluster } from './cluster.ts';

describe('an address that tries one name after the other', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster({ 'detect.unknownThreshold': 2, 'detect.addressNames': 6 });
  });
  afterAll(() => c?.end());
  const NAMES = ['admin', 'oracle', 'test', 'guest', 'support', 'jenkins', 'deploy', 'ubuntu'];
  const tried = (name: string): string => denial(name, '/submit', '203.0.113.9');
  const asking = async () => (await c.incidents()).filter(i => !isEnded(i.state) && !i.marks.includes('inhibited'));

  it('is one alert; the names it tried twice are shown beneath it', async () => {
    for (const name of NAMES.slice(0, 3)) write(c, tried(name), tried(name));
    await c.until('each is looked at by itself first', async () => (await asking()).length === 3);
    for (const name of NAMES) write(c, tried(name), tried(name));
    const alert = await c.until('one alert', async () => {
      const [one, ...others] = await asking();
      return others.length === 0 && one?.kind === 'address' && one;
    });
    expect(alert.key).toBe('203.0.113.9');
    const names = (await c.incidents()).filter(i => i.marks.includes('inhibited')).map(i => i.key);
    expect(names.toSorted()).toEqual(NAMES.toSorted());
  });

  it('counts every try of it, and says beneath which incident a name stands', async () => {
    const alert = (await asking())[0]!;
    await c.until('all are counted', async () => (await c.show(alert.id)).count === 3 * 2 + NAMES.length * 2);
    const name = (await c.incidents()).find(i => i.key === 'oracle')!;
    expect((await c.show(name.id)).next).toContain(`Explained by incident ${alert.id}`);
  });

  it('a name that is tried from elsewhere too, and a person whose account it tries, are not its own', async () => {
    await c.practice('break', 'missing-group', 'alice');
    write(c, denial('visitor', '/submit', '198.51.100.4'), denial('visitor', '/submit', '198.51.100.4'));
    await c.incidentOf('the visitor', i => i.key === 'visitor' && i.state === 'escalated');
    write(c, tried('visitor'), tried('alice'));
    const alice = await c.incidentOf('alice is offered help', i => i.key === 'alice' && i.state === 'proposed');
    expect(alice.marks).not.toContain('inhibited');
    expect((await c.incidents()).find(i => i.key === 'visitor')!.marks).not.toContain('inhibited');
  });

  it('what stands beneath it is told without a count of its own', async () => {
    const names = (await c.incidents()).filter(i => i.marks.includes('inhibited') && i.count === 0);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name.headline).not.toContain('0 times');
  });
});

describe('several are refused at once, each for a cause of their own', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster();
  });
  afterAll(() => c?.end());
  const PEOPLE = ['bob', 'carol', 'dave', 'erin', 'frank'];

  it('the incident of many ends, and tells of nobody what is true of another', async () => {
    for (const name of PEOPLE) await c.practice('break', 'missing-group', name);
    write(c, ...PEOPLE.map(name => denial(name)));
    const many = await c.incidentOf('they share nothing', i => i.kind === 'service' && i.state === 'expired');
    expect(many.headline).toMatch(/^\d people were refused by claw-scheduler$/);
    expect(many.cause).toBeNull();
    const { diagnosis, next } = await c.show(many.id);
    expect(diagnosis).toBeNull();
    expect(next).toBe('Nothing: the people concerned share no cause; each has an incident of their own.');
    for (const name of PEOPLE)
      await c.incidentOf(`${name} is offered the group`, i => i.key === name && i.state === 'proposed');
  });
});

describe('many are refused, and nobody can say why', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster({ 'verify.quiet': 1 });
  });
  afterAll(async () => {
    clearInterval(refusing);
    await c?.end();
  });
  const PEOPLE = ['bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy'];
  let refusing: NodeJS.Timeout;
  const hers = (i: IncidentRow): boolean =>
    i.key === 'alice' && i.state === 'proposed' && !i.marks.includes('inhibited');

  it('a human is called to the service; whoever lacks the group is offered it all the same', async () => {
    await c.practice('break', 'missing-group', 'alice');
    refusing = setInterval(() => write(c, ...[...PEOPLE, 'alice'].map(p => denial(p))), 500);
    const storm = await c.incidentOf('nobody knows', i => i.kind === 'service' && i.state === 'escalated');
    expect(storm.cause).toBeNull();
    const alice = await c.incidentOf('alice is offered the group', hers);
    expect(alice.cause).toBe('openclaw/missing-group');
    await c.until('what she is refused meanwhile is counted there', async () => {
      const now = (await c.incidents()).find(hers);
      return now && now.count >= alice.count + 3;
    });
    const { history } = await c.show(alice.id);
    expect(history.map(h => h.what)).toContain(
      `incident ${storm.id} does not explain this one: it has a cause of its own`,
    );
    const others = (await c.incidents()).filter(i => PEOPLE.includes(i.key) && !isEnded(i.state));
    expect(others.every(i => i.marks.includes('inhibited'))).toBe(true);
  });

  it('and works again once it is approved, whatever becomes of the rest', async () => {
    clearInterval(refusing);
    const alice = (await c.incidents()).find(hers)!;
    await c.json('approve', alice.id, '--as', 'root-ann');
    await c.incidentOf('alice works', i => i.id === alice.id && i.state === 'resolved');
    expect((await c.submit('alice')).code).toBe(0);
  });
});
