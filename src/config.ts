/**
 * readmit.yaml → Config. Strict: an unknown key or a wrong value is an error that names file, line, key and what would
 * be right. The only reader of the environment. `configReference()` makes docs/config.md from the same schema.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { Usage } from './incident.ts';
import { Ldap } from './ldap-config.ts';
import { Notify } from './notify-config.ts';
import { SignIn } from './sign-in-config.ts';

const absolute = z.string().regex(/^\//, 'an absolute path').describe('absolute path');
const name = z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}$/i, 'a name of letters, digits, _ . -');
const seconds = (fallback: number, text: string) =>
  z.number().positive().default(fallback).describe(`${text} (seconds)`);

const Tier = z.strictObject({
  votes: z.number().int().min(1).max(9).describe('how many different people must approve'),
  roles: z.array(z.string()).min(1).describe('an approver must have one of these roles'),
  eachRole: z.array(z.string()).default([]).describe('every one of these roles must be among the approvers'),
});

const Config = z.strictObject({
  host: name
    .default(hostname().split('.')[0] ?? 'localhost')
    .describe('name of this host in incidents, plans and reports'),
  pack: z.string().default('openclaw').describe('which pack of rules speaks for the scheduler'),
  rulesDir: absolute
    .nullable()
    .default(null)
    .describe('a directory of your own rules, beside the ones that come with Readmit'),
  state: absolute.default('/var/lib/readmit').describe('state directory: database, positions, ledger; on a local disk'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('least level that is written'),
    })
    .prefault({})
    .describe("Readmit's own log, JSON lines on standard error"),
  paths: z
    .strictObject({
      passwd: absolute.default('/etc/passwd'),
      group: absolute.default('/etc/group'),
      shadow: absolute.default('/etc/shadow').describe('read by the executor only'),
      proc: absolute.default('/proc').describe('process table'),
      commands: z
        .array(absolute)
        .default(['/usr/sbin', '/usr/bin', '/sbin', '/bin'])
        .describe('where commands are looked for, in this order; nothing else is searched'),
    })
    .prefault({})
    .describe('where the system keeps things'),
  redis: z
    .strictObject({
      socket: absolute.nullable().default('/run/readmit/redis.sock').describe('unix socket of the Redis server'),
      url: z.string().nullable().default(null).describe('redis:// or rediss:// URL instead of a socket'),
      passwordFile: absolute.nullable().default(null).describe('file that holds the password'),
      username: z.string().nullable().default(null),
    })
    .prefault({})
    .describe('the doorbell: BullMQ'),
  watch: z
    .strictObject({
      log: absolute.default('/var/log/claw-scheduler.log').describe("the scheduler's log"),
      homes: z.boolean().default(true).describe("read every user's client log"),
      clientLog: z.string().default('.claw/clw.log').describe('where the client log lies below a home directory'),
      homePattern: z
        .string()
        .nullable()
        .default(null)
        .describe('a glob of home directories to watch beside those of the passwd database, e.g. /home/*'),
      minUid: z
        .number()
        .int()
        .default(1000)
        .describe('homes of smaller uids are not watched; nobody below it is ever changed'),
      sweep: seconds(1, 'how often every file is looked at, whatever inotify said'),
      idleSweep: seconds(5, 'the same for files that have been quiet for an hour'),
      maxLine: z.number().int().default(65536).describe('longer lines are cut (bytes)'),
      spool: z.number().int().default(10000).describe('batches kept while Redis is away; then reading pauses'),
    })
    .prefault({})
    .describe('what is read'),
  scheduler: z
    .strictObject({
      config: absolute.default('/etc/claw-scheduler/config.yaml').describe("the scheduler's own configuration"),
      unit: z
        .string()
        .regex(/^[A-Za-z0-9@_.-]+$/)
        .default('claw-scheduler')
        .describe('systemd unit'),
      url: z.string().default('http://127.0.0.1:8080').describe('where it answers, IPv4'),
      url6: z.string().nullable().default(null).describe('the same over IPv6; null: not tried'),
      standardGroup: name.default('claw-users').describe('the group that gives ordinary users access'),
      elevatedGroups: z.array(name).default(['claw-admins']).describe('groups nobody is ever added to by Readmit'),
    })
    .prefault({})
    .describe('the scheduler we let people back into'),
  directory: z
    .strictObject({
      service: z
        .enum(['sss', 'ldap'])
        .default('sss')
        .describe('the NSS service that speaks for the directory, as in nsswitch.conf'),
      unit: z
        .string()
        .regex(/^[A-Za-z0-9@_.-]+$/)
        .default('sssd')
        .describe('systemd unit of its client on this host'),
      canary: name
        .nullable()
        .default(null)
        .describe('an account that only the directory knows: while it is not found, the directory does not answer'),
      ldap: Ldap.nullable()
        .default(null)
        .describe('the directory itself, asked and changed over LDAP; null: only what NSS says of it is known'),
    })
    .prefault({})
    .describe('the user directory behind NSS, where there is one'),
  entitlement: z
    .strictObject({
      file: absolute.nullable().default(null).describe('YAML: `GROUP: [user, …]`, who should be in which group'),
    })
    .prefault({})
    .describe('where the site says who should have access'),
  detect: z
    .strictObject({
      window: seconds(600, 'the sliding window of a cluster'),
      unknownThreshold: z
        .number()
        .int()
        .default(10)
        .describe('denials of names that do not exist before anyone hears of it'),
      serviceUsers: z
        .number()
        .int()
        .default(5)
        .describe('so many different known users within serviceWindow are one service incident'),
      serviceWindow: seconds(60, 'the window for it'),
      addressNames: z
        .number()
        .int()
        .default(5)
        .describe('so many different names from one address, most of them unknown, are probing'),
      sharedAddresses: z.array(z.string()).default([]).describe('login nodes and NAT gateways: never one attacker'),
      maxClusters: z
        .number()
        .int()
        .default(10000)
        .describe('live clusters kept in memory; the rest is counted as "other"'),
      quiet: seconds(
        3600,
        'no second incident for the same key within this time after one ended, unless someone is denied again who was let in',
      ),
    })
    .prefault({})
    .describe('when an incident opens'),
  policy: z
    .strictObject({
      proof: z
        .enum(['session', 'passkey', 'key'])
        .default('key')
        .describe(
          "key: only votes signed with a person's own key count; passkey: those and votes signed by a person's passkey on the page; session: those too, and serve signs for a signed-in person",
        ),
      tiers: z
        .strictObject({
          1: Tier.default({ votes: 1, roles: ['administrator', 'operator'], eachRole: [] }),
          2: Tier.default({ votes: 2, roles: ['administrator'], eachRole: [] }),
        })
        .prefault({})
        .describe('who must approve what'),
      groups: z.array(name).default(['claw-users']).describe('groups Readmit may add people to'),
      units: z.array(z.string()).default(['claw-scheduler']).describe('units it may start and restart'),
      files: z.array(absolute).default(['/etc/claw-scheduler/config.yaml']).describe('files it may patch'),
      denyUsers: z
        .array(z.string())
        .default(['root', 'nobody'])
        .describe('people it never changes, beside everyone in an elevated group'),
      planLifetime: seconds(3600, 'after this a plan must be made again'),
      denySticky: seconds(86400, 'a denied change is not offered again for this time'),
      announceEnd: seconds(259200, 'before access that has an end is taken back, the person is told; 0: never'),
      grantsPerHour: z.number().int().default(20).describe('then the executor stops and says so'),
      restartInterval: seconds(600, 'at most one restart in this time'),
      manager: z
        .enum(['ansible', 'puppet', 'ipa', 'other'])
        .nullable()
        .default(null)
        .describe('configuration management owns the targets: plans are exported, never run'),
    })
    .prefault({})
    .describe('what may be changed, and who must say yes'),
  approvers: absolute
    .default('/etc/readmit/approvers.yaml')
    .describe('root-owned: names, uids, roles and public keys of approvers'),
  keys: absolute
    .default('/etc/readmit/keys')
    .describe('directory of private keys for approve --as NAME: NAME.key, readable by that person only'),
  executor: z
    .strictObject({
      enabled: z.boolean().default(true).describe('false: observe and propose only'),
      socket: absolute
        .default('/run/readmit/exec/exec.sock')
        .describe("unix socket in a directory only the agent's uid can enter"),
      agentUid: z
        .number()
        .int()
        .nullable()
        .default(null)
        .describe('the uid orders must come from; null: whoever owns the socket directory'),
      timeout: seconds(60, 'longest a command may take'),
      audit: absolute.nullable().default(null).describe('audit file; default STATE/exec/audit.jsonl'),
      backups: z.number().int().min(1).default(10).describe('backups kept of each patched file'),
    })
    .prefault({})
    .describe('the privileged part'),
  verify: z
    .strictObject({
      canary: z
        .enum(['user', 'account', 'off'])
        .default('user')
        .describe('who submits the test jobs: the user concerned, a canary account, or nobody'),
      account: name.nullable().default(null).describe('the canary account'),
      through: z
        .enum(['runuser', 'systemd-run'])
        .default('runuser')
        .describe(
          'how the executor becomes the one who submits; systemd-run: in a unit of its own, so that the executor needs neither the network nor the right to change its uid',
        ),
      submits: z
        .number()
        .int()
        .min(0)
        .max(50)
        .default(10)
        .describe('how many test jobs; each must be accepted within a second'),
      recheck: seconds(5, 'how often a propagating or advised incident is looked at again'),
      propagation: seconds(1800, 'how long a change may take to reach everybody'),
      quiet: seconds(3, 'no new denial for this long before an incident counts as resolved'),
    })
    .prefault({})
    .describe('the proof that the person can work again'),
  web: z
    .strictObject({
      listen: z.string().default('127.0.0.1:8420').describe('address:port'),
      origin: z
        .string()
        .nullable()
        .default(null)
        .describe(
          'what people type; default http(s)://LISTEN. Passkeys are bound to it: a host with an executor needs it too',
        ),
      tls: z
        .strictObject({ cert: absolute, key: absolute })
        .nullable()
        .default(null)
        .describe('certificate and key files'),
      behindProxy: z.array(z.string()).default([]).describe('addresses of the proxy that speaks TLS for us'),
      session: seconds(43200, 'a sign-in lasts'),
      fresh: seconds(900, 'a sign-in is fresh enough for tier 2'),
      signIn: SignIn.prefault({}).describe('ways to sign in, beside the one-time link and passkeys'),
      metrics: z
        .enum(['token', 'loopback'])
        .default('token')
        .describe(
          'who may read /metrics; token: whoever has an API token; loopback: any program on this machine too (never so behind a proxy)',
        ),
    })
    .prefault({})
    .describe('the page'),
  mail: z
    .strictObject({
      host: z.string().nullable().default(null).describe('SMTP server; null: no mail is sent'),
      port: z.number().int().default(25),
      secure: z.boolean().default(false).describe('TLS from the first byte (port 465)'),
      user: z.string().nullable().default(null),
      passwordFile: absolute.nullable().default(null),
      from: z.string().default('readmit@localhost'),
      to: z.array(z.string()).default([]).describe('administrators who get alerts'),
      userDomain: z.string().nullable().default(null).describe('users are written to at NAME@userDomain; null: never'),
      userInterval: seconds(86400, 'a person is told the same thing at most once in this time'),
      perHour: z
        .number()
        .int()
        .default(30)
        .describe('alerts per hour and receiver; what is over is folded into a digest'),
    })
    .prefault({})
    .describe('mail'),
  webhook: z
    .strictObject({
      url: z
        .string()
        .nullable()
        .default(null)
        .describe('second channel: JSON is posted here when mail fails, and for alarms'),
    })
    .prefault({})
    .describe('the second channel'),
  notify: Notify,
  report: z
    .strictObject({
      cron: z.string().default('0 7 * * 1').describe('when the weekly report is mailed (cron, in timezone)'),
      timezone: z.string().default('UTC'),
      to: z.array(z.string()).default([]).describe('default: mail.to'),
      sendEmpty: z.boolean().default(true).describe('mail it in a week without denials too'),
      title: z.string().default('Access report'),
    })
    .prefault({})
    .describe('the weekly report'),
});

export type Config = z.infer<typeof Config> & {
  /** where it was read from, and its directory */ file: string;
  home: string;
};

/** The environment, for the few that speak a protocol of its (LISTEN_FDS, PATH). Everything else is configuration. */
export const environment = (): NodeJS.ProcessEnv => process.env;

const WHERE = ['/etc/readmit/readmit.yaml'];

/**
 * Reads and checks the configuration.
 * @param path the file; default: $READMIT_CONFIG, then /etc/readmit/readmit.yaml
 * @throws Usage with `file:line: key: what would be right`, all faults at once
 */
export function loadConfig(path?: string, env: NodeJS.ProcessEnv = process.env): Config {
  const file = resolve(path ?? env.READMIT_CONFIG ?? WHERE[0]!);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new Usage(
      `${file}: ${code === 'ENOENT' ? 'no such file' : code}. Name the configuration with --config FILE or READMIT_CONFIG; \`readmit demo\` makes one to try.`,
    );
  }
  return parseConfig(text, file);
}

/** The same for a text in hand; `file` is only used for messages. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (doc.errors.length)
    throw new Usage(doc.errors.map(e => `${file}:${e.linePos?.[0].line ?? 1}: ${e.message.split('\n')[0]}`).join('\n'));
  const parsed = Config.safeParse(doc.toJS({ maxAliasCount: 50 }) ?? {});
  if (!parsed.success) {
    const at = (keys: PropertyKey[]): number => {
      for (let n = keys.length; n > 0; n--) {
        const node = doc.getIn(keys.slice(0, n), true) as { range?: [number, number, number] } | undefined;
        if (node?.range) return lines.linePos(node.range[0]).line;
      }
      return 1;
    };
    throw new Usage(
      parsed.error.issues
        .flatMap(issue =>
          issue.code === 'unrecognized_keys'
            ? issue.keys.map(key => {
                const path = [...issue.path, key];
                return `${file}:${lineOfKey(text, doc, lines, path) ?? at(path)}: ${path.join('.')}: unknown key${suggest(key, issue.path)}`;
              })
            : [`${file}:${at(issue.path)}: ${issue.path.join('.') || '(top)'}: ${plain(issue)}`],
        )
        .join('\n'),
    );
  }
  return { ...parsed.data, file, home: dirname(file) };
}

function lineOfKey(
  _text: string,
  doc: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  path: PropertyKey[],
): number | null {
  const parent = path.length > 1 ? doc.getIn(path.slice(0, -1), true) : doc.contents;
  const items = (parent as { items?: { key: { value?: unknown; range?: [number, number, number] } }[] } | null)?.items;
  const item = items?.find(i => String(i.key?.value) === String(path.at(-1)));
  return item?.key.range ? lines.linePos(item.key.range[0]).line : null;
}

const plain = (issue: z.core.$ZodIssue): string => {
  const text = issue.message.replace(/^Invalid input: /, '');
  return 'input' in issue && issue.input !== undefined ? `${text} (found ${JSON.stringify(issue.input)})` : text;
};

/** The known keys beside an unknown one, nearest first. */
function suggest(key: string, path: PropertyKey[]): string {
  let schema: unknown = Config;
  for (const part of path) schema = unwrap(schema)?.shape?.[part as string];
  const known = Object.keys(unwrap(schema)?.shape ?? {});
  const near = known.map(k => [distance(k, key), k] as const).sort((a, b) => a[0] - b[0])[0];
  if (near && near[0] <= 3) return `; did you mean ${near[1]}?`;
  return known.length ? `; known here: ${known.join(', ')}` : '';
}

interface AnySchema {
  shape?: Record<string, unknown>;
  def?: { innerType?: unknown; defaultValue?: unknown; type?: string };
}
function unwrap(schema: unknown): AnySchema | undefined {
  let s = schema as AnySchema | undefined;
  while (s && !s.shape && s.def?.innerType) s = s.def.innerType as AnySchema;
  return s;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

/** JSON Schema of readmit.yaml, for editors and for the reference. */
export const configSchema = (): Record<string, unknown> =>
  z.toJSONSchema(Config, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;

/** The path of a file in the state directory. */
export const inState = (config: Config, ...parts: string[]): string => resolve(config.state, ...parts);
/** Default audit file of the executor. */
export const auditFile = (config: Config): string => config.executor.audit ?? inState(config, 'exec', 'audit.jsonl');
export const originOf = (config: Config): string =>
  config.web.origin ?? `${config.web.tls ? 'https' : 'http'}://${config.web.listen}`;
