/** The inbox from a terminal: what is voted on is what was looked at, and with `--json` every answer is a document. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { publicKeyOf } from '../../src/approve/vote.ts';
import { run } from '../../src/cli/run.ts';
import { serveControl, type Verb } from '../../src/roles/control.ts';
import { aSite, type Site } from '../web/a-site.ts';

let site: Site;
let config: string;
let asked: [string, Record<string, unknown>][];
let close: () => Promise<void>;

beforeEach(async () => {
  site = aSite({ proof: 'key' });
  config = join(site.dir, 'readmit.yaml');
  for (const room of ['serve', 'keys']) mkdirSync(join(site.dir, room));
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const ann = { name: 'root-ann', uid: 2000, roles: ['administrator'], keys: [publicKeyOf(key)] };
  writeFileSync(join(site.dir, 'approvers.yaml'), JSON.stringify({ approvers: [ann] }), { mode: 0o644 });
  writeFileSync(join(site.dir, 'keys/root-ann.key'), key, { mode: 0o600 });
  writeFileSync(config, `state: ${site.dir}\napprovers: ${site.dir}/approvers.yaml\nkeys: ${site.dir}/keys\n`);
  copied();
  asked = [];
  const answers: Record<string, object> = {
    vote: { id: site.user, state: 'approved', needs: 0 },
    'end-silence': { ended: true },
    ends: { plan: { summary: 'alice into claw-users', digest: '0'.repeat(64) } },
    'sign-in': { url: 'http://127.0.0.1:8420/sign-in/once' },
  };
  const verbs = Object.fromEntries(
    Object.entries(answers).map(([name, answer]): [string, Verb] => [
      name,
      body => {
        asked.push([name, body]);
        return answer;
      },
    ]),
  );
  ({ close } = await serveControl(join(site.dir, 'serve/control.sock'), verbs));
});
afterEach(async () => {
  await close();
  site.end();
});

/** What the command reads is what the site has now. */
function copied(): void {
  rmSync(join(site.dir, 'serve/readmit.db'), { force: true });
  site.store.run(`VACUUM INTO '${site.dir}/serve/readmit.db'`);
}

/** Runs a command; what it printed, and its exit code. */
async function readmit(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [process.stdout, process.stderr].map(stream => vi.spyOn(stream, 'write').mockReturnValue(true));
  const text = (spy: typeof out): string => spy!.mock.calls.map(([chunk]) => String(chunk)).join('');
  try {
    const code = await run(['node', 'readmit', ...argv, '--config', config]);
    return { code, out: text(out), err: text(err) };
  } finally {
    vi.restoreAllMocks();
  }
}

describe('a vote for the plan that was looked at', () => {
  const vote = (digest: string, ...more: string[]) =>
    readmit('approve', site.user, '--as', 'root-ann', '--reason', 'joined', '--digest', digest, ...more);

  it('goes out when it still is the plan; `show` says how its digest begins', async () => {
    const shown = await readmit('show', site.user);
    const digest = /digest: ([0-9a-f]{64})/.exec(shown.out)![1]!;
    expect(digest).toBe(site.digest(site.user));
    expect(await vote(digest.slice(0, 12))).toMatchObject({ code: 0, out: expect.stringContaining('is approved') });
    expect(asked).toMatchObject([['vote', { digest, by: 'root-ann' }]]);
  });

  it('is refused when the plan there is another one, and nothing goes out', async () => {
    expect(await vote('0123456789ab')).toMatchObject({ code: 1, err: expect.stringContaining('has changed since') });
    const told = await vote('0123456789ab', '--json');
    expect([told.code, JSON.parse(told.out)]).toEqual([1, { refused: expect.stringContaining('has changed since') }]);
    expect((await vote('abc')).code).toBe(2);
    expect(asked).toEqual([]);
  });
});

describe('with --json', () => {
  it.each([
    ['the end of a silence', ['silence', '--end', '7', '--as', 'root-ann'], { ended: true }],
    ['a sign-in link', ['sign-in', '--as', 'root-ann'], { url: 'http://127.0.0.1:8420/sign-in/once' }],
  ])('%s is a document', async (_, argv, answer) => {
    const { code, out } = await readmit(...argv, '--json');
    expect([code, JSON.parse(out)]).toEqual([0, answer]);
  });
});

it('audit show shows the newest entries of a long journal', async () => {
  site.store.run(
    `WITH RECURSIVE n(seq) AS (SELECT 1000 UNION ALL SELECT seq + 1 FROM n WHERE seq < 101500)
     INSERT INTO journal (seq, time, actor, what, before_json, after_json, previous, digest)
     SELECT seq, '2026-11-24T00:00:00.000Z', 'ann', 'w', 'null', 'null', '', '' FROM n`,
  );
  site.store.run(`VACUUM INTO '${site.dir}/serve/long.db'`);
  renameSync(join(site.dir, 'serve/long.db'), join(site.dir, 'serve/readmit.db'));
  const shown = await readmit('audit', 'show', '--from', '1000', '--json');
  const entries = JSON.parse(shown.out) as { seq: number }[];
  expect([entries.length, entries.at(-1)!.seq]).toEqual([100_501, 101_500]);
  expect((await readmit('audit', 'show', '--from', '-1')).code).toBe(2);
});

it('a damaged journal: audit verify names the entry, and audit show still shows the others', async () => {
  site.store.run("UPDATE journal SET after_json = '{' WHERE seq = 2");
  copied();
  const verified = await readmit('audit', 'verify');
  expect([verified.code, verified.err]).toEqual([1, '']);
  expect(verified.out).toMatch(/^journal: BROKEN at entry 2: .*after_json/m);
  const told = await readmit('audit', 'verify', '--json');
  expect([told.code, JSON.parse(told.out)]).toMatchObject([1, { journal: { ok: false, firstBad: 2 } }]);
  const shown = JSON.parse((await readmit('audit', 'show', '--json')).out) as { seq: number; what: string }[];
  expect(shown.length).toBeGreaterThan(2);
  expect(shown.find(e => e.seq === 2)).toMatchObject({
    what: expect.stringMatching(/\[damaged: after_json\]$/),
    after: null,
  });
});

it.each([[], ['--json'], ['--send']])(
  'a week that has not begun has no report, be it asked with %j',
  async (...more) => {
    const { code, out, err } = await readmit('report', '--week', '2099-W01', ...more);
    expect([code, out, err]).toEqual([2, '', 'readmit: --week: 2099-W01 has not begun: it begins on 2098-12-29\n']);
    expect(asked).toEqual([]);
  },
);

describe('an end for an access', () => {
  const until = (when: string, ...more: string[]) =>
    readmit('plan', site.user, '--until', when, '--as', 'root-ann', ...more);

  it.each([
    ['2027-02-30', /there is no 2027-02-30/],
    ['2026-11-31', /there is no 2026-11-31/],
    ['2027-02-29T18:00Z', /there is no 2027-02-29/],
    ['9999999d', /too long/],
    ['999999w', /too long/],
    ['9999-12-31', /too long/],
    ['2026-13-01', /2026-12-01/],
    ['7 days', /7d/],
  ])('%s is none: nothing is asked', async (when, why) => {
    const { code, err } = await until(when);
    expect([code, err]).toEqual([2, expect.stringMatching(why)]);
    expect(err.trimEnd()).not.toContain('\n');
    expect(asked).toEqual([]);
  });

  it.each([
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
    ['2028-12-31T23:30Z', '2028-12-31T23:30:00.000Z'],
    ['never', null],
  ])('%s is one', async (when, at) => {
    expect((await until(when)).code).toBe(0);
    expect(asked).toEqual([['ends', { id: site.user, until: at, as: 'root-ann' }]]);
  });

  it('is not written down as a script in the same breath', async () => {
    const { code, err } = await until('7d', '--format', 'shell');
    expect([code, err]).toEqual([2, expect.stringMatching(/--format .* --until/)]);
    expect(asked).toEqual([]);
  });
});

it('incidents --open with nothing open does not say that nobody was refused', async () => {
  site.store.run("UPDATE incident SET state = 'resolved'");
  copied();
  expect((await readmit('incidents', '--open')).out).toBe('No open incidents: nobody waits.\n');
  expect((await readmit('incidents')).out).not.toMatch(/^No /);
  site.store.run('DELETE FROM incident');
  copied();
  expect((await readmit('incidents')).out).toBe('No incidents: nobody has been refused.\n');
});

it('access revoke without an id is wrong usage, and takes nothing back', async () => {
  const { code, err } = await readmit('access', 'revoke', '--as', 'root-ann');
  expect([code, err]).toEqual([2, expect.stringMatching(/access revoke ID/)]);
  expect((await readmit('access', 'revoke', 'g-none', '--as', 'root-ann')).code).toBe(1);
  expect(asked).toEqual([]);
});

it('rules check of a directory without rules is wrong usage, and names it', async () => {
  for (const more of [[], ['--json']]) {
    const { code, err } = await readmit('rules', 'check', join(site.dir, 'keys'), ...more);
    expect([code, err]).toEqual([2, expect.stringContaining(`${site.dir}/keys: no logs.yaml`)]);
  }
});

describe('a plan written down for somebody else', () => {
  it('says what it is while it is offered, and warns whoever would run what somebody denied', async () => {
    const offered = await readmit('plan', site.user);
    expect([offered.code, offered.err]).toEqual([0, '']);
    expect(offered.out).toMatch(/^#!\/bin\/sh\n# Readmit: /);
    expect(offered.out).not.toMatch(/WARNING/);
    site.store.run("UPDATE incident SET state = 'denied' WHERE id = ?", Number(site.user));
    copied();
    for (const format of ['shell', 'ldif', 'ansible']) {
      const { code, out, err } = await readmit('plan', site.user, '--format', format);
      expect(code).toBe(0);
      const words = `incident ${site.user} is denied; this plan is not offered any more`;
      expect(out).toContain(`# WARNING: ${words}\n`);
      expect(err).toBe(`readmit: ${words}\n`);
    }
    expect(JSON.parse((await readmit('plan', site.user, '--json')).out)).toMatchObject({ incident: site.user });
  });
});

describe('who acts from a terminal', () => {
  it('shows it with their own key; with another one nothing is asked of serve', async () => {
    expect((await readmit('silence', '--end', 's1', '--as', 'root-ann')).code).toBe(0);
    expect(asked.map(([verb]) => verb)).toEqual(['end-silence']);
    const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    writeFileSync(join(site.dir, 'keys/root-ann.key'), other, { mode: 0o600 });
    const { code, err } = await readmit('silence', '--end', 's1', '--as', 'root-ann');
    expect([code, err]).toEqual([1, expect.stringMatching(/none of root-ann's/)]);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['an incident and a match', [site => site.user, '--match', 'key=alice'], /is for an incident, or/],
    ['the same thing twice', ['--match', 'key=carol', '--match', 'key=bob'], /once/],
    ['nothing to match', ['--match', 'key='], /use kind=/],
  ] as [string, (string | ((site: Site) => string))[], RegExp][])(
    'a silence of %s is refused',
    async (_, words, why) => {
      const argv = words.map(word => (typeof word === 'string' ? word : word(site)));
      const { code, err } = await readmit('silence', ...argv, '--for', '1h', '--reason', 'x', '--as', 'root-ann');
      expect([code, err]).toEqual([2, expect.stringMatching(why)]);
      expect(asked).toEqual([]);
    },
  );
});
