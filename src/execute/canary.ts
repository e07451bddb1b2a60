/**
 * The canary: submits test jobs as a person, asks for their status, lists them, as the pack's canary.yaml says. Nothing
 * else counts as proof that somebody can work again. It stops at the first refusal, so that it writes one denial, not ten.
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { CommandResult, RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import { Usage } from '../incident.ts';
import type { CanaryResult } from '../messages.ts';
import type { Accounts, Person } from './accounts.ts';
import { packFile, readPackFile } from './pack.ts';
import { redact } from './redact.ts';

const argv = z.array(z.string().min(1)).min(1).max(16);
const words = z.array(z.string().regex(/^[A-Z][A-Z_]*$/));

const CanarySpec = z.strictObject({
  job: z.string(),
  limit: z.number().int().positive().default(1000),
  steps: z.strictObject({
    submit: z.strictObject({ argv, expect: z.string() }),
    status: z.strictObject({
      argv,
      expect: z.string(),
      accept: words.min(1),
      wait: words.default([]),
      within: z.number().positive().default(15),
    }),
    list: z.strictObject({ argv, expect: z.string() }),
  }),
});
export type Canary = z.infer<typeof CanarySpec>;

type Fields = Record<string, string>;
const POLL_MS = 100;

/** @throws Usage */
export function loadCanary(config: Pick<Config, 'pack' | 'rulesDir'>, shipped: string): Canary {
  const file = packFile(config, shipped, 'canary.yaml');
  const spec = readPackFile(file, CanarySpec);
  return { ...spec, job: join(dirname(file), spec.job) };
}

/** Who submits: the person concerned or the canary account; or why nobody does. */
export async function canaryPerson(user: string, config: Config, accounts: Accounts): Promise<Person | string> {
  const { canary, account } = config.verify;
  if (canary === 'off') return 'the canary is switched off (verify.canary)';
  const name = canary === 'account' ? account : user;
  if (name === null) return 'verify.account names no canary account';
  const person = await accounts.person(name);
  if (!person) return `${JSON.stringify(name)} is no user of this host`;
  if (person.uid === 0 || person.uid < config.watch.minUid)
    return `${name} has uid ${person.uid}; the canary never runs as a system account`;
  return config.policy.denyUsers.includes(name) ? `${name} is in policy.denyUsers` : person;
}

/** One round as this person. Never rejects for what the scheduler answers. */
export async function runCanary(
  person: Person,
  canary: Canary,
  ground: {
    run: RunCommand;
    sleep: (ms: number) => Promise<void>;
    submits: number;
    timeoutMs: number;
    through: Config['verify']['through'];
    commands: readonly string[];
  },
): Promise<CanaryResult> {
  const latencies: number[] = [];
  const result = (passed: boolean, detail: string): CanaryResult => ({
    user: person.name,
    ran: true,
    passed,
    detail: detail.slice(0, 1000),
    latencies,
  });
  const as = async (argv: string[], fields: Fields): Promise<CommandResult> =>
    await ground.run([...asUser(person, ground), ...argv.map(word => filled(word, fields))], {
      timeoutMs: ground.timeoutMs,
      maxBytes: 1 << 16,
    });
  const { submit, status, list } = canary.steps;
  try {
    let id: string | null = null;
    for (let n = 1; n <= ground.submits; n++) {
      const said = await as(submit.argv, { job: canary.job });
      latencies.push(Math.round(said.ms));
      const fields = understood(said, submit.expect, {});
      if (!fields?.id) return result(false, `submit ${n} of ${ground.submits}: ${complaint(said)}`);
      if (said.ms > canary.limit)
        return result(
          false,
          `submit ${n} of ${ground.submits} took ${Math.round(said.ms)} ms, more than ${canary.limit}`,
        );
      id = fields.id;
    }
    const known: Fields = { user: person.name, ...(id === null ? {} : { id }) };
    if (id !== null) {
      const wrong = await untilAccepted(status, known, () => as(status.argv, known), ground.sleep);
      if (wrong) return result(false, wrong);
    }
    const listed = await as(list.argv, known);
    if (listed.code !== 0 || (id !== null && !understood(listed, list.expect, known)))
      return result(false, `list: ${complaint(listed)}`);
    return result(true, `${ground.submits} submitted, status and list as expected`);
  } catch (error) {
    return { ...result(false, (error as Error).message), ran: latencies.length > 0 };
  }
}

/** Polls the status until it is one of those accepted; a sentence when it never is. */
async function untilAccepted(
  status: Canary['steps']['status'],
  known: Fields,
  ask: () => Promise<CommandResult>,
  sleep: (ms: number) => Promise<void>,
): Promise<string | null> {
  const until = performance.now() + status.within * 1000;
  for (;;) {
    const said = await ask();
    const seen = understood(said, status.expect, known)?.status;
    if (seen === undefined) return `status: ${complaint(said)}`;
    if (status.accept.includes(seen)) return null;
    if (!status.wait.includes(seen)) return `status: ${known.id} is ${seen}`;
    if (performance.now() > until) return `status: ${known.id} was still ${seen} after ${status.within} s`;
    await sleep(POLL_MS);
  }
}

/**
 * A program started with the person's own identity and groups, taken anew from the database as a new login would; `env`
 * because runuser leaves the variables as they are. No shell: the person's profile is not run by us. With systemd-run it is
 * systemd that starts it, outside of the executor's sandbox; there nothing but its own limit ends it when we give up.
 */
function asUser(
  { name, home }: Person,
  { through, commands, timeoutMs }: Pick<Parameters<typeof runCanary>[2], 'through' | 'commands' | 'timeoutMs'>,
): string[] {
  const env = ['env', `HOME=${home}`, `USER=${name}`, `LOGNAME=${name}`];
  if (through === 'runuser') return ['runuser', '-u', name, '--', ...env];
  const limit = `--property=RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`;
  const how = ['--quiet', '--wait', '--pipe', '--collect', '--service-type=exec'];
  return ['systemd-run', ...how, limit, `--uid=${name}`, '--', ...env, `PATH=${commands.join(':')}`];
}

/** Puts the fields into one word of an argv. @throws Usage for a field that isn't known here */
function filled(word: string, fields: Fields): string {
  return word.replace(/\{([a-z]+)\}/g, (_, name: string) => {
    const value = fields[name];
    if (value === undefined) throw new Usage(`canary.yaml: {${name}} is not known at this step`);
    return value;
  });
}

/** The fields of the first line that fits, when the program succeeded and every known field is what we know. */
function understood(said: CommandResult, template: string, known: Fields): Fields | null {
  if (said.code !== 0) return null;
  for (const line of said.stdout.split('\n')) {
    const fields = matchLine(line.trimEnd(), template, known);
    if (fields && Object.entries(known).every(([name, value]) => !(name in fields) || fields[name] === value))
      return fields;
  }
  return null;
}

/** Matches a whole line against literal text and {fields}: what we know already, or one word that can't be taken for an option. */
function matchLine(line: string, template: string, known: Fields): Fields | null {
  const parts = template.split(/\{([a-z]+)\}/);
  const fields: Fields = {};
  let at = 0;
  for (const [n, part] of parts.entries()) {
    if (n % 2 === 0) {
      if (!line.startsWith(part, at)) return null;
      at += part.length;
      continue;
    }
    const own = known[part];
    const rest = line.slice(at);
    const word =
      own !== undefined && rest.startsWith(own) ? own : /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127}/.exec(rest)?.[0];
    if (!word || (fields[part] !== undefined && fields[part] !== word)) return null;
    fields[part] = word;
    at += word.length;
  }
  return at === line.length ? fields : null;
}

/** What the program said, in one safe line. */
function complaint(said: CommandResult): string {
  const text = `${said.stderr}\n${said.stdout}`.trim().split('\n')[0] ?? '';
  const how = said.timedOut
    ? 'no answer in time'
    : said.code === 0
      ? 'unexpected answer'
      : `exit ${said.code ?? said.signal}`;
  return `${how}: ${redact(text).slice(0, 300)}`;
}
