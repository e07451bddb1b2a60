/**
 * `readmit doctor`: checks everything Readmit needs on this machine and says what to do. Each check is one function that
 * returns findings; nothing is changed.
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadApprovers } from '../approve/approvers.ts';
import { publicKeyOf } from '../approve/vote.ts';
import { findCommand } from '../command.ts';
import { auditFile, type Config, inState, loadConfig, originOf } from '../config/config.ts';
import { auditFiles, verifyAudit } from '../execute/audit.ts';
import { orderExecutor } from '../execute/client.ts';
import { addressProblems } from '../notify/address.ts';
import { makeMailer } from '../notify/mail.ts';
import { otherAddresses } from '../notify/routes.ts';
import { connect, redisFaults } from '../queue/queues.ts';
import { askServe, controlSocket } from '../roles/control.ts';
import { verifyJournal } from '../store/journal.ts';
import { openStoreToRead } from '../store/open.ts';
import { directoryFindings } from './doctor-directory.ts';
import { receiverFindings } from './doctor-receivers.ts';
import { signInFindings } from './doctor-sign-in.ts';
import { print, printJson } from './inbox.ts';

interface Finding {
  check: string;
  level: 'ok' | 'note' | 'problem';
  what: string;
  /** What would mend it. */
  todo?: string;
}

type Check = (config: Config) => Promise<Finding[]> | Finding[];

const ok = (check: string, what: string): Finding => ({ check, level: 'ok', what });
const note = (check: string, what: string, todo?: string): Finding => ({
  check,
  level: 'note',
  what,
  ...(todo ? { todo } : {}),
});
const problem = (check: string, what: string, todo: string): Finding => ({ check, level: 'problem', what, todo });

const CHECKS: Check[] = [
  configFile,
  approvers,
  sessionKey,
  signIn,
  readable,
  commands,
  redis,
  mail,
  receivers,
  directory,
  serveAndExecutor,
  chains,
  policy,
  clock,
];

export async function doctor(o: { config?: string; json?: boolean }): Promise<number> {
  const config = loadConfig(o.config);
  const findings: Finding[] = [];
  for (const check of CHECKS) {
    try {
      findings.push(...(await check(config)));
    } catch (error) {
      findings.push(problem(check.name, (error as Error).message, 'mend that first'));
    }
  }
  const problems = findings.filter(f => f.level === 'problem').length;
  if (o.json) printJson({ config: config.file, problems, findings });
  else {
    const sign = { ok: 'ok      ', note: 'note    ', problem: 'PROBLEM ' };
    for (const f of findings)
      print(`${sign[f.level]} ${f.check}: ${f.what}${f.todo ? `\n           → ${f.todo}` : ''}`);
    print(problems ? `\n${problems} problem${problems > 1 ? 's' : ''}.` : '\nEverything Readmit needs is there.');
  }
  return problems ? 1 : 0;
}

function configFile(config: Config): Finding[] {
  const { mode, uid } = statSync(config.file);
  const me = process.getuid?.() ?? 0;
  const out = [ok('config', `${config.file} is in order`)];
  if (mode & 0o022)
    out.push(problem('config', `${config.file} can be written by group or others`, `chmod go-w ${config.file}`));
  if (uid !== 0 && uid !== me)
    out.push(problem('config', `${config.file} belongs to uid ${uid}`, `chown root ${config.file}`));
  return out;
}

function approvers(config: Config): Finding[] {
  const { approvers: people } = loadApprovers(config.approvers);
  const out = [ok('approvers', `${people.length} in ${config.approvers}: ${people.map(p => p.name).join(', ')}`)];
  for (const tier of [1, 2] as const) {
    const { votes, roles } = config.policy.tiers[tier];
    const able = people.filter(p => p.roles.some(r => roles.includes(r)));
    if (able.length < votes)
      out.push(
        problem(
          'approvers',
          `tier ${tier} needs ${votes} of the roles ${roles.join(', ')}, and ${able.length} have one`,
          `add approvers, or set policy.tiers.${tier}.votes`,
        ),
      );
  }
  return out;
}

function sessionKey(config: Config): Finding[] {
  if (config.policy.proof !== 'session') return [];
  const file = inState(config, 'serve', 'session.key');
  if (!existsSync(file))
    return [note('session', `${file} is not there yet`, 'readmit serve makes it at its first start')];
  const mine = publicKeyOf(readFileSync(file, 'utf8'));
  return loadApprovers(config.approvers).session.keys.includes(mine)
    ? [ok('session', "the page's key is in the approvers file")]
    : [
        problem(
          'session',
          "the page's key is not in the approvers file, so no vote from the page counts",
          `add under session.keys in ${config.approvers}: ${mine}`,
        ),
      ];
}

function readable(config: Config): Finding[] {
  const out: Finding[] = [];
  for (const [what, file] of [
    ['scheduler log', config.watch.log],
    ['scheduler config', config.scheduler.config],
    ['passwd', config.paths.passwd],
    ['group', config.paths.group],
    ...(config.entitlement.file ? [['entitlement', config.entitlement.file]] : []),
  ] as [string, string][]) {
    try {
      accessSync(file, constants.R_OK);
      out.push(ok('files', `${what} ${file} is readable`));
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      out.push(
        problem(
          'files',
          `${what} ${file} ${missing ? 'is missing' : "can't be read by this user"}`,
          missing ? 'name the right file in the configuration' : `give the agent's user the right to read it`,
        ),
      );
    }
  }
  if (!config.entitlement.file)
    out.push(
      note(
        'entitlement',
        'no source says who should have access',
        'set entitlement.file; until then approvers must give a reason',
      ),
    );
  return out;
}

function commands(config: Config): Finding[] {
  const needed = ['usermod', 'getent', 'id', 'systemctl', 'runuser'];
  const missing = needed.filter(name => {
    try {
      findCommand(name, config.paths.commands);
      return false;
    } catch {
      return true;
    }
  });
  return missing.length
    ? [
        problem(
          'commands',
          `not in ${config.paths.commands.join(':')}: ${missing.join(', ')}`,
          'install them, or set paths.commands',
        ),
      ]
    : [ok('commands', `${needed.join(', ')} found`)];
}

async function redis(config: Config): Promise<Finding[]> {
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

async function mail(config: Config): Promise<Finding[]> {
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

function receivers(config: Config): Finding[] {
  const found = receiverFindings(config);
  return found.map(({ what, level, todo }) => ({ check: 'receivers', level, what, ...(todo ? { todo } : {}) }));
}

async function directory(config: Config): Promise<Finding[]> {
  const found = await directoryFindings(config);
  return found.map(({ what, level, todo }) => ({ check: 'directory', level, what, ...(todo ? { todo } : {}) }));
}

async function signIn(config: Config): Promise<Finding[]> {
  const found = await signInFindings(config);
  return found.map(({ what, level, todo }) => ({ check: 'sign-in', level, what, ...(todo ? { todo } : {}) }));
}

async function serveAndExecutor(config: Config): Promise<Finding[]> {
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

function chains(config: Config): Finding[] {
  const out: Finding[] = [];
  const audit = verifyAudit(auditFiles(auditFile(config)));
  out.push(
    audit.ok
      ? ok('audit', `the executor's chain of ${audit.entries} entries is unbroken`)
      : problem(
          'audit',
          `${audit.file}:${audit.line}: ${audit.why}`,
          'somebody changed it, or the disk did: compare with the heads in old reports',
        ),
  );
  const db = inState(config, 'serve', 'readmit.db');
  if (!existsSync(db)) return out;
  const store = openStoreToRead(db);
  try {
    const journal = verifyJournal(store);
    out.push(
      journal.ok
        ? ok('journal', `its chain of ${journal.entries} entries is unbroken`)
        : problem('journal', `entry ${journal.firstBad}: ${journal.why}`, 'compare with the heads in old reports'),
    );
  } finally {
    store.close();
  }
  return out;
}

function policy(config: Config): Finding[] {
  const out: Finding[] = [];
  if (config.policy.tiers[2].votes < 2)
    out.push(
      note(
        'policy',
        'changes of tier 2 need one vote only',
        'set policy.tiers.2.votes to 2 when there is a second administrator',
      ),
    );
  const elevated = config.policy.groups.filter(g => config.scheduler.elevatedGroups.includes(g));
  if (elevated.length)
    out.push(
      problem(
        'policy',
        `policy.groups allows the elevated group ${elevated.join(', ')}`,
        'take it out: nobody is ever added to it',
      ),
    );
  return out;
}

/** A clock that is far off makes votes and tokens look old or not yet valid. */
async function clock(config: Config): Promise<Finding[]> {
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
