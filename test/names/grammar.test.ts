/**
 * The one grammar of names: what the usual one takes, what a site may add, and what no site can ever add, tried over every
 * setting there is.
 */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import {
  ANY_SITE,
  inAnyCase,
  isGroupName,
  LONGEST_NAME,
  NAME_EXTRAS,
  USUAL_NAMES,
  type UserNameSettings,
  userNames,
} from '../../src/names.ts';

const YES_NO = [false, true];
/** Every choice among these, the empty one too. */
const some = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_, n) => bits & (1 << n)));
/** Every setting a site can write, but for the length. */
const EVERY: UserNameSettings[] = YES_NO.flatMap(capitals =>
  YES_NO.flatMap(digitFirst => some(NAME_EXTRAS).map(also => ({ capitals, digitFirst, also, longest: LONGEST_NAME }))),
);
const site = (more: Partial<UserNameSettings>) => userNames({ ...USUAL_NAMES, ...more });

/** What would be a path, an option, a number, a word of a shell, or more than one field, line or name. */
// biome-ignore format: a list of bad names
const NEVER = [
  '', '-', '-rf', '--root=DIR', '.', '..', './a', '../a', '/', '/etc/passwd', 'a/b', 'a/../b', '\0', 'a\0b', 'a:b', ':a',
  'a b', ' a', 'a ', 'a\t', 'a\n', 'a\r', '\na', 'a\nb', 'a\u00a0', 'a\u2028b', 'a;id', 'a|b', 'a&b', 'a&&b', '$(id)', '`id`', '${',
  '$HOME', 'a$b', '$', '$a', 'a$$', "a'b", 'a"b', 'a<b', 'a>b', 'a*', 'a?', '[a]', '{a}', '(a)', 'a!b', 'a#b', '#a', '~a', 'a~', 'a=b', 'a%b',
  'a,b', 'a^b', '\\', '\\a', 'a\\', 'a\\\\b', 'a\\b\\c', '@a', 'a@', 'a@@b', 'a@b@c', '+a', 'a+', 'a\\-rf', 'a@-rf', 'a\\.ssh', 'a+..',
  'a\\b@c', '0', '1000', '65534', '0$', 'é', 'аlice', 'a\u200bb', 'a\u202eb', 'a\ud800', 'x'.repeat(LONGEST_NAME + 1),
];

describe('the usual grammar', () => {
  it('is what a configuration means that says nothing', () => {
    expect(parseConfig('', 'x.yaml').userNames).toEqual(USUAL_NAMES);
  });
  it.each(['alice', '_apt', 'a', 'root-ann', 'a.b_c-9', 'a..b', 'x'.repeat(32)])('%s is a name', name => {
    expect(site({}).fits(name)).toBe(true);
  });
  it.each(['ALICE', 'Alice', '9a', 'DOM\\alice', 'alice@site.example', 'a+b', 'node7$', 'x'.repeat(33)])(
    '%s is none',
    name => {
      expect(site({}).fits(name)).toBe(false);
    },
  );
});

describe("a site's own grammar", () => {
  it.each([
    [{ capitals: true }, ['Alice', 'ALICE', 'A.B', 'alice']],
    [{ digitFirst: true }, ['4ab', '0x10', '2024-alice']],
    [{ capitals: true, also: ['\\'] }, ['DOM\\alice', 'DOM\\4alice', 'alice']],
    [{ also: ['@'] }, ['alice@dom.example', 'alice']],
    [{ also: ['+'] }, ['dom+alice']],
    [{ also: ['$'] }, ['node7$', 'alice']],
    [{ capitals: true, also: ['\\', '$'] }, ['DOM\\NODE7$']],
    [{ longest: 64 }, ['x'.repeat(64)]],
  ] as [Partial<UserNameSettings>, string[]][])('%j', (more, names) => {
    for (const name of names) expect(site(more).fits(name), name).toBe(true);
    for (const name of names.slice(0, 1)) expect(site({}).fits(name), name).toBe(false);
  });
  it('knows each character it may hold, and no other', () => {
    for (const settings of EVERY) {
      const names = userNames(settings);
      for (let code = 0; code < 128; code++) {
        const character = String.fromCharCode(code);
        const stands = ['a', 'ab'].some(start => names.fits(start + character) || names.fits(`${start}${character}b`));
        expect(names.holds(character), `${JSON.stringify(settings)} ${JSON.stringify(character)}`).toBe(stands);
      }
    }
  });
});

describe('whatever a site writes', () => {
  it.each(NEVER.map(name => [JSON.stringify(name).slice(0, 40), name]))('%s is never a name', (_, name) => {
    for (const settings of EVERY) {
      expect(userNames(settings).fits(name), JSON.stringify(settings)).toBe(false);
      expect(inAnyCase(settings).fits(name)).toBe(false);
    }
    expect(ANY_SITE.fits(name)).toBe(false);
    expect(isGroupName(name)).toBe(false);
  });
  it('two dots never stand in the name of a site that has a grammar of its own', () => {
    for (const settings of EVERY.filter(s => s.capitals || s.digitFirst || s.also.length))
      for (const name of ['a..b', 'a..', 'a\\b..c']) expect(userNames(settings).fits(name)).toBe(false);
  });
  it('no text takes long to refuse', () => {
    const all = userNames(EVERY.at(-1)!);
    const start = performance.now();
    for (const text of ['a', 'a.', 'a@', 'a\\', 'A+'])
      for (const end of ['', '!', '\0']) all.fits(text.repeat(500_000) + end);
    const long = userNames({ ...EVERY.at(-1)!, longest: 1e7 });
    for (const text of ['a', 'a.', 'a-', 'A_'])
      for (const end of ['!', '@!', '$$']) expect(long.fits(text.repeat(500_000) + end)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });
  it.each([
    ['also: ["/"]', 'userNames.also.0'],
    ['also: [" "]', 'userNames.also.0'],
    ['also: ["-"]', 'userNames.also.0'],
    ['also: [":"]', 'userNames.also.0'],
    ['also: [".*"]', 'userNames.also.0'],
    ['pattern: ".*"', 'userNames.pattern: unknown key'],
    ['longest: 65', 'userNames.longest'],
    ['longest: 0', 'userNames.longest'],
    ['capitals: "yes"', 'userNames.capitals'],
  ])('userNames: {%s} is refused where it stands', (text, key) => {
    expect(() => parseConfig(`host: h\nuserNames: {${text}}`, 'x.yaml')).toThrow(`x.yaml:2: ${key}`);
  });
  it('accounts that the configuration names are called so too', () => {
    const text = 'verify: {canary: account, account: "DOM\\\\canary"}';
    expect(() => parseConfig(text, 'x.yaml')).toThrow('x.yaml:1: verify.account: a user name');
    const own = parseConfig(`${text}\nuserNames: {capitals: true, also: ["\\\\"]}`, 'x.yaml');
    expect(own.verify.account).toBe('DOM\\canary');
  });
});
