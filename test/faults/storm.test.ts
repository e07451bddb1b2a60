/**
 * Much at once: names invented by the hundred thousand, one person a hundred thousand times, and two hundred people whom
 * one changed line in the configuration locks out. What it leads to stays small, right and readable.
 */
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readClientConfig, writeClientConfig } from '../../deploy/practice/clw-home.ts';
import { layoutOf } from '../../deploy/practice/layout.ts';
import { groupsIn } from '../../deploy/practice/people.ts';
import { issue } from '../../deploy/practice/tokens.ts';
import { type Cluster, counted, denial, pidOf, query, resident, startCluster, write } from './lab.ts';

const NAMES = Number(process.env.READMIT_NAMES ?? 200_000);
const CROWD = 200;
const crowd = Array.from({ length: CROWD }, (_, n) => `user${String(n).padStart(3, '0')}`);

let c: Cluster;
beforeAll(async () => {
  c = await startCluster({ 'watch.homes': false }, dir => {
    const add = (file: string, edit: (text: string) => string): void => {
      const path = join(dir, 'etc', file);
      writeFileSync(path, edit(readFileSync(path, 'utf8')));
    };
    add(
      'passwd',
      text =>
        text + crowd.map((name, n) => `${name}:x:${10_000 + n}:${10_000 + n}::${dir}/home/${name}:/bin/sh\n`).join(''),
    );
    add('shadow', text => text + crowd.map(name => `${name}:!:20000:0:99999:7:::\n`).join(''));
    add(
      'group',
      text =>
        text.replace(/^(claw-users:.*)$/m, `$1,${crowd.join(',')}`) +
        crowd.map((name, n) => `${name}:x:${10_000 + n}:\n`).join(''),
    );
    add(
      'gshadow',
      text => text.replace(/^(claw-users:.*)$/m, `$1,${crowd.join(',')}`) + crowd.map(name => `${name}:!::\n`).join(''),
    );
    appendFileSync(join(dir, 'etc/entitlements.yaml'), '');
    for (const name of crowd) mkdirSync(join(dir, 'home', name), { recursive: true });
  });
  logIn(crowd);
}, 120_000);
afterAll(async () => c?.end());

/** As each would in the morning: a token of the day, a profile, a job to try. */
function logIn(names: string[]): void {
  const at = layoutOf(c.dir);
  const key = readFileSync(at.tokenKey, 'utf8').trim();
  const { server } = readClientConfig(join(at.home, 'alice'));
  for (const [n, user] of names.entries()) {
    const home = join(at.home, user);
    const groups = groupsIn(at.group, { name: user, uid: 10_000 + n, gid: 10_000 + n, home });
    writeClientConfig(home, {
      server,
      username: user,
      token: issue({ user, groups, exp: Math.floor(Date.now() / 1000) + 86_400 }, key),
    });
    for (const file of ['.profile', 'test.yaml']) copyFileSync(join(at.home, 'alice', file), join(home, file));
  }
}

/** That it is over is told as well, when it is. */
const adminMails = async () =>
  (await c.mails()).filter(m => m.to.join().includes('root-ann') && !m.subject.includes('resolved: '));

describe('a storm', () => {
  it(`G06: ${CROWD} people at once after a config change: one incident of the service, one mail, one plan, and all are let in by it`, async () => {
    await c.practice('break', 'config-too-strict');
    for (let n = 0; n < CROWD; n += 20) {
      write(c, ...crowd.slice(n, n + 20).map((name, m) => denial(name, '/submit', `10.1.${n}.${m}`)));
      await new Promise(done => setTimeout(done, 20));
    }
    const seen = await c.incidentOf(
      'the service',
      i => i.kind === 'service' && i.state === 'proposed' && i.users === CROWD,
      60_000,
    );
    expect(seen).toMatchObject({ cause: 'openclaw/config-too-strict', tier: 2, users: CROWD, count: CROWD });
    await c.until('the mail', async () => (await adminMails()).length > 0);
    const others = (await c.incidents()).filter(i => i.id !== seen.id);
    for (const i of others) expect(i.marks, i.key).toContain('inhibited');
    expect(others.length).toBeLessThan(10);
    expect(query(c, 'SELECT DISTINCT digest FROM plan')).toHaveLength(1);
    await c.json('approve', seen.id, '--as', 'root-ann', '--reason', 'as before');
    await c.json('approve', seen.id, '--as', 'root-ben', '--reason', 'as before');
    await c.until('all are let in', async () => (await c.incidents()).every(i => i.state === 'resolved'), 120_000);
    expect((await c.submit('alice')).code).toBe(0);
    expect(await adminMails()).toHaveLength(1);
    await c.practice('heal');
  }, 240_000);

  it('G02: 100,000 lines of one person as fast as they can be written: one incident, the right count, one mail', async () => {
    await c.practice('break', 'missing-group', 'bob');
    const before = (await adminMails()).length;
    const block = denial('bob', '/submit', '192.168.1.101').repeat(10_000);
    for (let n = 0; n < 10; n++) write(c, block);
    await c.until('all are counted', async () => counted(c, 'bob') >= 100_000, 60_000);
    expect(counted(c, 'bob')).toBe(100_000);
    const seen = await c.incidentOf('a proposal for bob', i => i.key === 'bob' && i.state === 'proposed');
    expect(seen.count).toBe(100_000);
    expect((await c.incidents()).filter(i => i.key === 'bob')).toHaveLength(1);
    await c.until('the mail', async () => (await adminMails()).length > before);
    await new Promise(done => setTimeout(done, 2000));
    expect((await adminMails()).length).toBe(before + 1);
  }, 120_000);

  it(`G01: ${NAMES} invented names: memory stays bounded, the rest is counted as other, and alice is heard at her first denial`, async () => {
    const parts = () => (['serve', 'agent'] as const).map(part => resident(pidOf(c, part)!));
    await c.practice('break', 'missing-group', 'alice');
    let most = [0, 0];
    const measure = setInterval(() => {
      try {
        most = parts().map((mb, n) => Math.max(mb, most[n]!));
      } catch {}
    }, 200);
    for (let n = 0; n < NAMES; n += 5000) {
      const lines: string[] = [];
      for (let m = n; m < n + 5000; m++)
        lines.push(denial(`invented.${m}`, `/x${m % 7}`, `10.${(m >> 16) & 255}.${(m >> 8) & 255}.${m & 255}`));
      write(c, lines.join(''));
      if (n === Math.floor(NAMES / 10_000) * 5000) write(c, denial('alice', '/submit', '192.168.1.100'));
      await new Promise(done => setTimeout(done, 50));
    }
    await c.incidentOf('a proposal for alice', i => i.key === 'alice' && i.state === 'proposed', 60_000);
    await c.until("alice's alert", async () => (await adminMails()).some(m => m.subject.includes('alice')), 30_000);
    await c.until(
      'every line is counted',
      async () =>
        Number(query<{ n: number }>(c, 'SELECT sum(lines) AS n FROM source')[0]!.n) >= NAMES + 100_000 + CROWD + 1,
      180_000,
    );
    clearInterval(measure);
    expect(most[0], 'serve, MB').toBeLessThan(300);
    expect(most[1], 'agent, MB').toBeLessThan(300);
    expect((await c.incidents()).length).toBeLessThan(50);
    const listed = await c.readmit('incidents');
    expect(listed.code).toBe(0);
    console.log(`invented names: ${NAMES}; serve ${Math.round(most[0]!)} MB, agent ${Math.round(most[1]!)} MB at most`);
  }, 300_000);
});
