/** The token that a client caches: what its claims tell, that itself goes nowhere, and where it is not read. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lab, startLab, tokenFile, values } from './lab.ts';

let lab: Lab;
beforeEach(() => {
  lab = startLab();
});
afterEach(() => lab.end());

describe('the cached token', () => {
  const hour = 3600;
  const now = Math.floor(Date.now() / 1000);
  it('tells its user, groups and end, and itself never leaves', async () => {
    const text = tokenFile({ user: 'alice', groups: ['claw-users'], exp: now - hour });
    lab.put('home/alice/.claw/config.yaml', text, 0o600);
    const facts = await lab.ask('alice');
    expect(values(facts, 'token.present', 'token.intact', 'token.user', 'token.groups', 'token.expired')).toEqual({
      'token.present': true,
      'token.intact': true,
      'token.user': 'alice',
      'token.groups': ['claw-users'],
      'token.expired': true,
    });
    expect(JSON.stringify([...facts.values()])).not.toContain('eyJ');
  });

  it.each([
    ['cut off', tokenFile({ user: 'alice', exp: now + hour }, 'x'.repeat(20)), { 'token.intact': false }],
    ['no token at all', 'server: x\n', { 'token.present': false }],
    ['garbage', 'token: abc\n', { 'token.present': true, 'token.readable': false }],
    ['not YAML', 'token: [\n', { 'token.readable': false }],
    ['somebody else’s', tokenFile({ user: 'bob', exp: now + hour }), { 'token.wrong-user': true }],
    [
      'with a name that is none',
      tokenFile({ user: '<img src=x>', groups: ['a\u001b[2J'], exp: 1e99 }),
      { 'token.user': undefined, 'token.groups': undefined, 'token.expires': undefined },
    ],
  ])('%s', async (_what, text, expected) => {
    lab.put('home/alice/.claw/config.yaml', text);
    expect(values(await lab.ask('alice'), ...Object.keys(expected))).toEqual(expected);
  });

  describe('where homes are not mounted', () => {
    const home = (): string => join(lab.dir, 'home/alice');
    it.each([
      ['no home', () => rmSync(home(), { recursive: true }), /no such directory; is it mounted/],
      ['an empty mount point', () => rmSync(join(home(), '.claw'), { recursive: true }), /empty; is it mounted/],
    ])('%s: nobody is told that they have no token', async (_what, make, why) => {
      make();
      const facts = await lab.ask('alice');
      for (const fact of ['token.present', 'proxy.set']) {
        expect(facts.get(fact)!.known, fact).toBe(false);
        expect(facts.get(fact)!.source, fact).toMatch(why);
      }
    });

    it('a home in which nobody has logged in has none', async () => {
      rmSync(join(home(), '.claw'), { recursive: true });
      lab.put('home/alice/.bashrc', '');
      expect((await lab.ask('alice')).get('token.present')!.value).toBe(false);
    });
  });

  describe('is not read where it could lead elsewhere', () => {
    const cached = (home: string): string => join(home, '.claw/config.yaml');
    const trap: [string, (home: string) => unknown][] = [
      ['a link', home => symlinkSync('/etc/hostname', cached(home))],
      [
        'a link on the way',
        home => {
          renameSync(join(home, '.claw'), join(home, 'real'));
          symlinkSync('real', join(home, '.claw'));
          writeFileSync(join(home, 'real/config.yaml'), 'token: x');
        },
      ],
      ['a FIFO', home => execFileSync('mkfifo', [cached(home)])],
      ['a directory', home => mkdirSync(cached(home))],
      [
        'a file with two names',
        home => {
          writeFileSync(join(home, 'a'), 'token: x');
          linkSync(join(home, 'a'), cached(home));
        },
      ],
      ['a large file', home => writeFileSync(cached(home), 'x'.repeat(70_000))],
      [
        'another owner',
        home => {
          writeFileSync(cached(home), 'token: x');
          execFileSync('chown', ['65534', cached(home)]);
        },
      ],
    ];
    it.each(trap)('%s', async (_what, make) => {
      make(join(lab.dir, 'home/alice'));
      const started = Date.now();
      const fact = (await lab.ask('alice')).get('token.present')!;
      expect(fact.known).toBe(false);
      expect(fact.source).toMatch(/link|regular|names|larger|owner/);
      expect(Date.now() - started).toBeLessThan(2000);
    });
  });
});
