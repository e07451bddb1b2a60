/**
 * Disks that are full and files that are garbage: small file systems of their own are mounted over the state directories,
 * filled, and freed. Reading goes on where it can, people hear of it, and what was written meanwhile is counted once.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cluster,
  counted,
  denial,
  pidOf,
  query,
  type Receiver,
  receiver,
  startCluster,
  status,
  write,
} from './lab.ts';

const mounts: string[] = [];
/** A file system that holds so much and no more. Needs root and mount(8). */
function small(dir: string, size: string): void {
  mkdirSync(dir, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', dir]);
  mounts.push(dir);
}
function unmountAll(): void {
  for (const dir of mounts.splice(0).reverse()) execFileSync('umount', ['-l', dir]);
}

/** Takes all the room that is left. */
function fill(dir: string): string {
  const ballast = join(dir, 'ballast');
  const chunk = Buffer.alloc(64 << 10);
  try {
    for (let n = 0; n < 10_000; n++) writeFileSync(ballast, chunk, { flag: 'a' });
  } catch {}
  try {
    for (let n = 0; n < 100_000; n++) writeFileSync(ballast, 'x'.repeat(64), { flag: 'a' });
  } catch {}
  return ballast;
}

let pager: Receiver;
beforeAll(async () => {
  pager = await receiver();
});
afterAll(async () => pager?.close());

describe('the position file', () => {
  let c: Cluster;
  const positions = (): string => join(c.dir, 'state/agent/positions.json');
  afterEach(async () => {
    await c?.end().catch(() => {});
    unmountAll();
  });

  it('A15: empty, garbage, half of itself, numbers too large: each is said and read again safely; nothing twice, no crash loop', async () => {
    c = await startCluster({ 'webhook.url': pager.url });
    let lines = 0;
    const add = async (user: string, count: number): Promise<void> => {
      write(c, ...Array.from({ length: count }, (_, n) => denial(user, `/n${n}`)));
      lines += count;
    };
    const counts = (user: string, count: number): Promise<unknown> =>
      c.until(`${count} of ${user}`, async () => counted(c, user) >= count, 30_000);
    await add('first', 300);
    await counts('first', 300);
    const broken: ((good: string) => string)[] = [
      () => '',
      () => '\0\xff{"not": our',
      good => good.slice(0, good.length / 2),
      good => good.replace(/"committed":\d+/g, '"committed":99999999'),
    ];
    for (const [n, make] of broken.entries()) {
      await c.down();
      writeFileSync(positions(), make(readFileSync(positions(), 'utf8')));
      await add(`while.away.${n}`, 50);
      await c.up();
      await counts(`while.away.${n}`, 50);
      const agent = pidOf(c, 'agent');
      await add(`later.${n}`, 1);
      await counts(`later.${n}`, 1);
      expect(c.output).toMatch(/positions\.json is damaged/);
      expect(pidOf(c, 'agent')).toBe(agent);
      expect(Number(query<{ n: number }>(c, 'SELECT sum(lines) AS n FROM source')[0]!.n)).toBe(lines);
    }
    expect(counted(c, 'first')).toBe(300);
  }, 150_000);

  it('A16: no room for it: reading goes on, page and second channel say so; with room again it is written', async () => {
    c = await startCluster({ 'webhook.url': pager.url }, dir => small(join(dir, 'state/agent'), '64k'));
    write(c, ...Array.from({ length: 100 }, (_, n) => denial('with.room', `/n${n}`)));
    await c.until('all 100', async () => counted(c, 'with.room') === 100);
    await c.until('the position is kept', async () =>
      readdirSync(join(c.dir, 'state/agent')).includes('positions.json'),
    );
    const ballast = fill(join(c.dir, 'state/agent'));
    write(c, ...Array.from({ length: 100 }, (_, n) => denial('without.room', `/n${n}`)));
    await c.until('reading goes on', async () => counted(c, 'without.room') === 100);
    await c.until(
      'the banner',
      async () => (await status(c)).banner.some(line => line.includes('positions.json') && line.includes('ENOSPC')),
      30_000,
    );
    await c.until(
      'the second channel',
      async () => pager.calls.some(call => call.text.includes('positions.json') && call.text.includes('ENOSPC')),
      40_000,
    );
    rmSync(ballast);
    write(c, denial('with.room'));
    await c.until(
      'it is written again',
      async () =>
        JSON.stringify(JSON.parse(readFileSync(positions(), 'utf8'))).includes(
          String(statSync(join(c.dir, 'var/log/claw-scheduler.log')).size),
        ),
      30_000,
    );
    await c.until(
      'the banner is gone',
      async () => !(await status(c)).banner.some(line => line.includes('positions.json')),
      30_000,
    );
    expect(counted(c, 'with.room')).toBe(101);
    expect(counted(c, 'without.room')).toBe(100);
  }, 150_000);
});

describe('the state directory', () => {
  let c: Cluster;
  afterEach(async () => {
    await c?.end().catch(() => {});
    unmountAll();
  });

  it('G12: full while lines come in, then freed: said, recovered by itself, every line counted once', async () => {
    c = await startCluster({ 'webhook.url': pager.url }, dir => small(join(dir, 'state'), '24m'));
    write(c, ...Array.from({ length: 500 }, (_, n) => denial('before.full', `/n${n}`)));
    await c.until('all 500', async () => counted(c, 'before.full') === 500, 30_000);
    const calls = pager.calls.length;
    let ballast = fill(join(c.dir, 'state'));
    // What is deleted and checkpointed meanwhile frees a page here and there.
    const topUp = setInterval(() => {
      ballast = fill(join(c.dir, 'state'));
    }, 500);
    for (let n = 0; n < 3000; n++) write(c, denial('while.full', `/n${n}`));
    await c.until('people hear of it', async () => pager.calls.length > calls, 60_000);
    clearInterval(topUp);
    rmSync(ballast);
    await c.until(
      'every line is counted',
      async () => {
        try {
          return counted(c, 'while.full') >= 3000;
        } catch {
          return false;
        }
      },
      90_000,
    );
    expect(counted(c, 'while.full')).toBe(3000);
    expect(counted(c, 'before.full')).toBe(500);
    await c.practice('break', 'missing-group', 'alice');
    await c.submit('alice');
    const { id } = await c.incidentOf('a proposal for alice', i => i.key === 'alice' && i.state === 'proposed', 40_000);
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved', 60_000);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
  }, 240_000);
});
