/**
 * The checks of `readmit doctor` that ask somebody: NSS, Redis, the mail server, serve and its agents, the executor, the
 * scheduler's clock.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { commandRunner } from '../../command.ts';
import { type Config, originOf } from '../../config/config.ts';
import { orderExecutor } from '../../execute/client.ts';
import { addressProblems } from '../../notify/address.ts';
import { makeMailer } from '../../notify/mail.ts';
import { otherAddresses } from '../../notify/routes.ts';
import { connect, redisFaults } from '../../queue/queues.ts';
import { askServe, controlSocket } from '../../roles/control.ts';
import { hasServiceShell, whoIsPerson } from '../../watch/accounts.ts';
import { parsePasswd } from '../../watch/passwd.ts';
import { type Finding, note, ok, problem } from './finding.ts';

/** A directory server that lists more than this is not asked to (bytes). */
const MOST_LISTED = 16 << 20;
const NOBODY = 65_534;

export async function redis(config: Config): Promise<Finding[]> {
  let failure = 'no answer';
  const onError = (error: Error): void => {
    failure = error.message;
  };
  const connection = connect(config.redis, onError, false);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(failure)), 2000);
      connection.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    const out = [
      ok('redis', 'answers'),
      ...(await redisFaults(connection, config.redis)).map(f => problem('redis', f.what, f.todo)),
    ];
    return out;
  } catch (error) {
    return [
      problem(
        'redis',
        `${config.redis.url ?? config.redis.socket}: ${(error as Error).message}`,
        'start Redis, or set redis.socket or redis.url',
      ),
    ];
  } finally {
    connection.disconnect();
  }
}

export async function mail(config: Config): Promise<Finding[]> {
  const mailer = makeMailer(config, { alsoTo: otherAddresses(config) });
  if (!mailer) return [note('mail', 'mail.host is null: nobody is written to', 'set mail.host')];
  const out = addressProblems(config.mail, config.report, config.notify.receivers).map(p =>
    problem('mail', p, 'mend the address in the configuration'),
  );
  if (!config.mail.to.length)
    out.push(problem('mail', 'mail.to is empty: no administrator gets alerts', 'set mail.to'));
  try {
    await mailer.verify();
    out.push(ok('mail', `${config.mail.host}:${config.mail.port} takes mail`));
  } catch (error) {
    out.push(problem('mail', (error as Error).message, 'mend mail.host, port, user or passwordFile'));
  } finally {
    mailer.close();
  }
  if (!config.webhook.url)
    out.push(note('mail', 'no second channel: when mail fails, only the page says so', 'set webhook.url'));
  return out;
}

/** Who is taken for an account of a service gets no incident: a host that gives nobody a shell would be watched in vain. */
export async function people(config: Config): Promise<Finding[]> {
  const who = whoIsPerson(config);
  const nss = await commandRunner(config.paths.commands)(['getent', 'passwd'], {
    timeoutMs: 3000,
    maxBytes: MOST_LISTED,
  }).catch(() => null);
  const local = existsSync(config.paths.passwd) ? readFileSync(config.paths.passwd, 'utf8') : '';
  const all = [...parsePasswd(`${local}\n${nss?.stdout ?? ''}`).values()].filter(
    entry => entry.uid >= who.minUid && entry.uid !== NOBODY && !who.denyUsers.includes(entry.name),
  );
  if (!all.length)
    return [
      note(
        'people',
        'neither the passwd file nor NSS lists anybody',
        'fine where a directory lists nobody: then each name is asked for; client logs need watch.homePattern',
      ),
    ];
  const hidden = all.filter(entry => hasServiceShell(entry, who));
  const count = `${hidden.length} of ${all.length} people have a shell of accounts nobody signs in with`;
  if (hidden.length * 2 <= all.length)
    return [ok('people', hidden.length ? `${count}: their denials open no incident` : `${all.length} are listed`)];
  return [
    problem(
      'people',
      `${count}, e.g. ${hidden[0]!.name} (${hidden[0]!.shell}): their denials open no incident`,
      'set watch.serviceShells: [] if this host gives nobody a shell',
    ),
  ];
}

export async function serveAndExecutor(config: Config): Promise<Finding[]> {
  const out: Finding[] = [];
  let reported: string | null = null;
  try {
    const health = await askServe<{ banner: string[]; executor: string; agents: { host: string; seen: string }[] }>(
      controlSocket(config),
      'status',
      {},
      3000,
    );
    out.push(ok('serve', `runs; page at ${originOf(config)}`));
    if (!health.agents.length) out.push(problem('agent', 'no agent has reported', 'start readmit agent on each host'));
    for (const agent of health.agents) out.push(ok('agent', `${agent.host} reported at ${agent.seen}`));
    for (const line of health.banner) out.push(problem('health', line, 'see the page, Health'));
    if (health.agents.length) reported = health.executor;
  } catch (error) {
    out.push(problem('serve', (error as Error).message, 'start readmit serve'));
  }
  return [...out, await executor(config, reported)];
}

/** Asked by ourselves only as the agent's uid: whoever else comes is dropped and audited as a stranger, root too. */
async function executor(config: Config, reported: string | null): Promise<Finding> {
  const { enabled, socket, agentUid } = config.executor;
  if (!enabled) return note('executor', 'observing only: plans are shown and exported, never run');
  const directory = statSync(dirname(socket), { throwIfNoEntry: false });
  if (!directory) return problem('executor', `${dirname(socket)} is missing`, 'start readmit exec, or its socket unit');
  if ((agentUid ?? directory.uid) !== process.getuid?.())
    return reported === null
      ? note(
          'executor',
          `answers only uid ${agentUid ?? directory.uid}, its agent`,
          'start the agent; it reports how the executor is',
        )
      : reported === 'ok'
        ? ok('executor', 'ready, as its agent reports')
        : problem('executor', `its agent reports: ${reported}`, 'mend that; until then nothing is run');
  try {
    const status = await orderExecutor(socket, { v: 1, kind: 'status' }, { timeoutMs: 3000 });
    return status.ok
      ? ok('executor', `ready; ${status.grantsThisHour} of ${status.grantsPerHour} grants this hour`)
      : problem('executor', status.problem, 'mend that; until then nothing is run');
  } catch (error) {
    return problem(
      'executor',
      (error as Error).message,
      `start readmit exec; only the agent's uid can reach it in ${dirname(socket)}`,
    );
  }
}

/** A clock that is far off makes votes and tokens look old or not yet valid. */
export async function clock(config: Config): Promise<Finding[]> {
  try {
    const answer = await fetch(`${config.scheduler.url}/health`, { signal: AbortSignal.timeout(2000) });
    const skew = Math.round((Date.now() - Date.parse(answer.headers.get('date') ?? '')) / 1000);
    if (Number.isNaN(skew)) return [note('clock', 'the scheduler tells no time')];
    return Math.abs(skew) > 120
      ? [
          problem(
            'clock',
            `this clock and the scheduler's differ by ${skew} s`,
            'synchronise both (chrony, systemd-timesyncd)',
          ),
        ]
      : [ok('clock', "agrees with the scheduler's")];
  } catch {
    return [
      note('clock', `the scheduler does not answer at ${config.scheduler.url}`, 'start it, or set scheduler.url'),
    ];
  }
}
