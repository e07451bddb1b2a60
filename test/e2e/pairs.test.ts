/**
 * Every pair of causes that can occur together, with the real probes on practice clusters: both are named, the one to
 * mend first as the cause; mending one leaves the other. What can't occur together, and what hides what, stands here.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { breakIt, heal } from '../../deploy/practice/breaking.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { loadCauses } from '../../src/diagnose/causes.ts';
import { packDirs, realGround } from '../../src/diagnose/effects.ts';
import type { Ground } from '../../src/diagnose/ground.ts';
import type { Fact } from '../../src/diagnosis.ts';
import { shadowIn } from '../../src/execute/accounts.ts';
import { whyNow } from '../../src/roles/ask.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';
import { type Cluster, startCluster } from '../practice/cluster.ts';

/** In the order in which they are broken: what restarts the scheduler first, what is cheap last. */
const CAUSES =
  `selinux config-invalid config-too-strict config-not-loaded wrong-mode directory-unavailable ldap-lag stale-token-groups
  scheduler-down queue-full port-blocked clock-skew ipv6-only-broken uid-mismatch stale-session missing-group access-removed
  auth-failed expired-token token-cache proxy job-yaml`.split(/\s+/);

type Together = [some: string, others: string, because: string];

const NEVER: Together[] = [
  ['missing-group', 'access-removed', 'the one is the other, with a reason'],
  [
    'missing-group access-removed',
    'stale-session stale-token-groups ldap-lag',
    'nothing is older than a group that the person has not, nor on its way',
  ],
  ['stale-session', 'stale-token-groups', 'in mode jwt the session does not count'],
  ['stale-token-groups', 'selinux', 'in mode jwt the scheduler asks nobody for groups'],
  ['stale-token-groups', 'wrong-mode ldap-lag directory-unavailable', 'auth.mode is one of jwt and ldap'],
  [
    'wrong-mode',
    'ldap-lag directory-unavailable',
    'the directory answers and has no such group, or it does not answer, or it has the group',
  ],
  [
    'config-invalid',
    'config-too-strict config-not-loaded wrong-mode stale-token-groups ldap-lag directory-unavailable',
    'a file that is not valid says nothing of groups or mode',
  ],
  ['config-too-strict', 'config-not-loaded', 'the file is right, or it is not'],
  ['config-not-loaded', 'scheduler-down', 'what does not run has loaded nothing'],
  [
    'queue-full',
    'config-too-strict config-not-loaded config-invalid wrong-mode directory-unavailable scheduler-down',
    'the restart ends the jobs that hold the slots, and nobody can submit new ones',
  ],
];

/** Until the first is mended, nothing can show the second. */
const HIDES: Together[] = [
  ['config-invalid', 'scheduler-down', 'a scheduler whose configuration is not valid does not run'],
  ['config-invalid', 'missing-group access-removed stale-session', 'whom the configuration lets in is not known'],
  ['config-invalid scheduler-down port-blocked', 'clock-skew ipv6-only-broken', 'nothing answers over either family'],
  ['port-blocked', 'queue-full', 'the scheduler can not be asked for its queue'],
  [
    'directory-unavailable',
    'missing-group access-removed ldap-lag',
    'a directory that is away has not said who lacks what',
  ],
  ['job-yaml', 'uid-mismatch', 'the client stops at the job file and sends no request'],
];

/** One login mends them all. */
const ONE_LOGIN = ['expired-token', 'stale-token-groups', 'token-cache'];

type Pair = [first: string, second: string];
const all: Pair[] = CAUSES.flatMap((a, n) => CAUSES.slice(n + 1).map((b): Pair => [a, b]));
const within = ([a, b]: Pair, list: Together[]): Together | undefined =>
  list.find(([some, others]) => {
    const [left, right] = [some.split(' '), others.split(' ')];
    return (left.includes(a) && right.includes(b)) || (left.includes(b) && right.includes(a));
  });
const hides = (a: string, b: string): boolean =>
  HIDES.some(([some, others]) => some.split(' ').includes(a) && others.split(' ').includes(b));

class Bench {
  readonly c: Cluster;
  readonly #config: Config;
  readonly #ground: Ground;
  wrong: string[] = [];

  constructor(c: Cluster) {
    this.c = c;
    this.#config = loadConfig(c.at.yaml);
    const parse = makeParser(loadPacks(packDirs(this.#config)).flatMap(p => p.rules));
    const { shadow } = this.#config.paths;
    const ask = async ({ user }: { user: string }) => shadowIn(readFileSync(shadow, 'utf8'), user, Date.now(), shadow);
    this.#ground = realGround(this.#config, { parse, ask, limitMs: 10_000 });
  }

  break = (cause: string): Promise<string> => breakIt(this.c.at, cause, 'alice');
  heal = (cause?: string): Promise<unknown> => heal(this.c.at, cause);
  submit = (): Promise<unknown> => this.c.as('alice', 'clw', 'submit', 'test.yaml');

  /** All causes named, the one to mend first first. That access was taken away only history knows. */
  async named(broken: readonly string[]): Promise<string[]> {
    const at = new Date().toISOString();
    const gone: Fact = { fact: 'history.group-removed', value: ['claw-users'], known: true, source: 'history', at };
    const given = broken.includes('access-removed') ? [gone] : [];
    const { cause, also } = await whyNow('alice', this.#config, this.#ground, given, 10_000);
    return [...(cause ? [cause] : []), ...also.map(a => a.cause)].map(name => name.replace('openclaw/', ''));
  }

  async expects(what: string, broken: readonly string[], wanted: string[]): Promise<void> {
    const named = await this.named(broken);
    if (named.join() !== wanted.join())
      this.wrong.push(`${what}: named ${named.join(', ') || 'nothing'}, not ${wanted.join(', ')}`);
  }
}

/** The order in which causes are mended, as the rules have it. */
const order = new Map(
  loadCauses([new URL('../../rules/openclaw', import.meta.url).pathname]).map(c => [
    c.name.replace('openclaw/', ''),
    c.order,
  ]),
);
const inOrder = (pair: Pair): string[] => [...pair].sort((a, b) => order.get(a)! - order.get(b)!);

/** The first is broken once; each of the others joins it, is seen beside it, and is mended before it. */
async function withEach(b: Bench, first: string, others: string[]): Promise<void> {
  if (!others.length) return;
  await b.break(first);
  await b.submit();
  for (const second of others) {
    const what = `${first} + ${second}`;
    await b.break(second);
    await b.submit();
    await b.expects(what, [first, second], inOrder([first, second]));
    await b.heal(second);
    await b.submit();
    await b.expects(`${what}, ${second} mended`, [first], [first]);
  }
  await b.heal();
}

async function hidden(b: Bench, first: string, second: string): Promise<void> {
  // What leaves its traces only in a request is broken while requests still get through.
  await b.break(second);
  await b.submit();
  await b.break(first);
  await b.submit();
  await b.expects(`${first} hides ${second}`, [first, second], [first]);
  await b.heal(first);
  await b.submit();
  await b.expects(`${first} mended, ${second} shows`, [second], [second]);
  await b.heal();
}

async function oneLogin(b: Bench, [first, second]: Pair): Promise<void> {
  await b.break(first);
  await b.break(second);
  await b.submit();
  await b.expects(`${first} + ${second}`, [], inOrder([first, second]));
  await b.heal();
}

test('every pair that can occur together is named, and mending one leaves the other', {
  timeout: 900_000,
}, async () => {
  const started = performance.now();
  const work: ((b: Bench) => Promise<void>)[] = [];
  const count = { together: 0, hidden: 0, never: 0 };
  const together = new Map<string, string[]>();
  for (const pair of all) {
    const [a, b] = pair;
    if (within(pair, NEVER)) count.never++;
    else if (hides(a, b) || hides(b, a)) {
      count.hidden++;
      work.push(bench => (hides(a, b) ? hidden(bench, a, b) : hidden(bench, b, a)));
    } else {
      count.together++;
      if (ONE_LOGIN.includes(a) && ONE_LOGIN.includes(b)) work.push(bench => oneLogin(bench, pair));
      // Slots are taken before SELinux keeps everybody out.
      else if (a === 'selinux' && b === 'queue-full') work.push(bench => withEach(bench, b, [a]));
      else together.set(a, [...(together.get(a) ?? []), b]);
    }
  }
  work.push(
    ...[...together].map(
      ([first, others]) =>
        (bench: Bench) =>
          withEach(bench, first, others),
    ),
  );
  const clusters = await Promise.all([startCluster(), startCluster()]);
  const benches = clusters.map(c => new Bench(c));
  try {
    await Promise.all(
      benches.map(async bench => {
        for (let next = work.pop(); next; next = work.pop()) await next(bench);
      }),
    );
  } finally {
    await Promise.all(clusters.map(c => c.end()));
  }
  const rows = [...NEVER.map(row => ['never', ...row]), ...HIDES.map(row => ['hidden', ...row])];
  process.stdout.write(
    `\n${all.length} pairs of ${CAUSES.length} causes: ${count.together} named together, ${count.hidden} one after the other, ${count.never} never; ${Math.round((performance.now() - started) / 1000)} s\n${rows
      .map(([how, some, others, because]) => `  ${how!.padEnd(6)}  ${some} × ${others}\n          ${because}`)
      .join('\n')}\n`,
  );
  expect(benches.flatMap(b => b.wrong).join('\n')).toBe('');
  expect(count.together + count.hidden + count.never).toBe(all.length);
});
