/**
 * readmit.yaml → Config: the whole schema, with a file beside this one per chapter. Strict: an unknown key or a wrong value
 * is an error that names file, line, key and what would be right.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { environment } from '../environment.ts';
import { readGuarded } from '../guarded.ts';
import { Usage } from '../incident.ts';
import { inAnyCase } from '../names.ts';
import { faultLines, readYaml, SOME_ALIASES } from '../yaml-text.ts';
import { Detect } from './detect.ts';
import { Directory, Entitlement } from './directory.ts';
import { Executor } from './executor.ts';
import { faultsOf } from './faults.ts';
import { Mail, Webhook } from './mail.ts';
import { Notify } from './notify.ts';
import { Paths } from './paths.ts';
import { Policy } from './policy.ts';
import { Redis } from './redis.ts';
import { Report } from './report.ts';
import { Retention } from './retention.ts';
import { Scheduler } from './scheduler.ts';
import { UserNames } from './user-names.ts';
import { absolute, name } from './values.ts';
import { Verify } from './verify.ts';
import { Watch } from './watch.ts';
import { Web } from './web.ts';

const Config = z
  .strictObject({
    host: name
      .default(hostname().split('.')[0] ?? 'localhost')
      .describe('name of this host in incidents, plans and reports'),
    pack: z.string().default('openclaw').describe('which pack of rules speaks for the scheduler'),
    rulesDir: absolute
      .nullable()
      .default(null)
      .describe('a directory of your own rules, beside the ones that come with Readmit'),
    state: absolute
      .default('/var/lib/readmit')
      .describe('state directory: database, positions, ledger; on a local disk'),
    log: z
      .strictObject({
        level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('least level that is written'),
      })
      .prefault({})
      .describe("Readmit's own log, JSON lines on standard error"),
    paths: Paths,
    userNames: UserNames,
    redis: Redis,
    watch: Watch,
    scheduler: Scheduler,
    directory: Directory,
    entitlement: Entitlement,
    detect: Detect,
    policy: Policy,
    approvers: absolute
      .default('/etc/readmit/approvers.yaml')
      .describe('root-owned: names, uids, roles and public keys of approvers'),
    keys: absolute
      .default('/etc/readmit/keys')
      .describe('directory of private keys for approve --as NAME: NAME.key, readable by that person only'),
    executor: Executor,
    verify: Verify,
    web: Web,
    mail: Mail,
    webhook: Webhook,
    notify: Notify,
    report: Report,
    retention: Retention,
  })
  .superRefine(({ userNames: settings, verify, directory }, context) => {
    const names = inAnyCase(settings);
    const named = [
      [['verify', 'account'], verify.account],
      [['directory', 'canary'], directory.canary],
    ] as const;
    for (const [path, account] of named)
      if (account !== null && !names.fits(account))
        context.addIssue({ code: 'custom', path: [...path], message: names.expects, input: account });
  });

export type Config = z.infer<typeof Config> & {
  /** where it was read from, and its directory */ file: string;
  home: string;
};

const WHERE = ['/etc/readmit/readmit.yaml'];

/**
 * Reads and checks the configuration.
 * @param path the file; default: $READMIT_CONFIG, then /etc/readmit/readmit.yaml
 * @throws Usage with `file:line: key: what would be right`, all faults at once
 */
export function loadConfig(path?: string, env: NodeJS.ProcessEnv = environment()): Config {
  const file = whereOf(path, env);
  return parseConfig(
    found(file, () => readFileSync(file, 'utf8')),
    file,
  );
}

/**
 * The same for whoever acts as root by it: which groups, units and files may be changed, and which programs are run.
 * @throws Usage also when others could have written it
 */
export function loadGuardedConfig(path?: string, env: NodeJS.ProcessEnv = environment()): Config {
  const file = whereOf(path, env);
  const real = found(file, () => realpathSync(file));
  return parseConfig(readGuarded(real, 'the configuration'), file);
}

const whereOf = (path: string | undefined, env: NodeJS.ProcessEnv): string =>
  resolve(path ?? env.READMIT_CONFIG ?? WHERE[0]!);

/** What `look` finds of the file, or what to do when it is not there. */
function found(file: string, look: () => string): string {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : code;
    throw new Usage(
      `${file}: ${why}. Name the configuration with --config FILE or READMIT_CONFIG; \`readmit demo\` makes one to try.`,
    );
  }
}

/** The same for a text in hand; `file` is only used for messages. */
export function parseConfig(text: string, file: string): Config {
  const read = readYaml(text, SOME_ALIASES);
  if ('faults' in read) throw new Usage(faultLines(file, read.faults).join('\n'));
  const parsed = Config.safeParse(read.value ?? {});
  if (!parsed.success) throw new Usage(faultsOf(parsed.error.issues, Config, read, file).join('\n'));
  return { ...parsed.data, file, home: dirname(file) };
}

/** JSON Schema of readmit.yaml, for editors and for docs/config.md. */
export const configSchema = (): Record<string, unknown> =>
  z.toJSONSchema(Config, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;

/** The path of a file in the state directory. */
export const inState = (config: Config, ...parts: string[]): string => resolve(config.state, ...parts);
/** Default audit file of the executor. */
export const auditFile = (config: Config): string => config.executor.audit ?? inState(config, 'exec', 'audit.jsonl');
export const originOf = (config: Config): string =>
  config.web.origin ?? `${config.web.tls ? 'https' : 'http'}://${config.web.listen}`;
