/**
 * The checks of `readmit doctor` that look at what lies on this machine: configuration, approvers, keys, files and
 * commands, the hash chains, and what the policy allows.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { loadApprovers } from '../../approve/approvers.ts';
import { publicKeyOf } from '../../approve/vote.ts';
import { findCommand } from '../../command.ts';
import { type Config, inState } from '../../config/config.ts';
import { userUrlOf } from '../../config/scheduler.ts';
import { readFileBounded } from '../../diagnose/effects.ts';
import { readEntitlements } from '../../diagnose/probes/entitlement.ts';
import { kindOf, readRegular } from '../../regular-file.ts';
import { verifyJournal } from '../../store/journal.ts';
import { openStoreToRead, type Store } from '../../store/open.ts';
import { executorChain } from '../executor-chain.ts';
import { type Finding, note, ok, problem } from './finding.ts';

export function configFile(config: Config): Finding[] {
  const { mode, uid } = statSync(config.file);
  const me = process.getuid?.() ?? 0;
  const out = [ok('config', `${config.file} is in order`)];
  if (mode & 0o022)
    out.push(problem('config', `${config.file} can be written by group or others`, `chmod go-w ${config.file}`));
  if (uid !== 0 && uid !== me)
    out.push(problem('config', `${config.file} belongs to uid ${uid}`, `chown root ${config.file}`));
  const told = userUrlOf(config.host, config.scheduler);
  if (config.scheduler.userUrl === null && told !== config.scheduler.url)
    out.push(
      note('config', `people are told to log in at ${told}`, 'set scheduler.userUrl if they use another address'),
    );
  return out;
}

export function approvers(config: Config): Finding[] {
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

export function sessionKey(config: Config): Finding[] {
  if (config.policy.proof !== 'session') return [];
  const file = inState(config, 'serve', 'session.key');
  if (!existsSync(file))
    return [note('session', `${file} is not there yet`, 'readmit serve makes it at its first start')];
  const mine = publicKeyOf(readRegular(file, 'refused').toString('utf8'));
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

export async function readable(config: Config): Promise<Finding[]> {
  const out: Finding[] = [];
  for (const [what, file] of [
    ['scheduler log', config.watch.log],
    ['scheduler config', config.scheduler.config],
    ['passwd', config.paths.passwd],
    ['group', config.paths.group],
  ] as [string, string][]) {
    try {
      accessSync(file, constants.R_OK);
      const kind = kindOf(statSync(file));
      out.push(
        kind === 'a regular file'
          ? ok('files', `${what} ${file} is readable`)
          : problem(
              'files',
              `${what} ${file} is ${kind}: nothing is read of it`,
              'name the right file in the configuration',
            ),
      );
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
  return [...out, ...(await entitlement(config))];
}

/** Read as the probe reads it: while it can't be, nobody who lost a group is let in again. */
async function entitlement({ entitlement: { file } }: Config): Promise<Finding[]> {
  if (!file)
    return [
      note(
        'entitlement',
        'no source says who should have access',
        'set entitlement.file; until then approvers must give a reason',
      ),
    ];
  try {
    const read = await readFileBounded(file);
    if (!read) return [problem('entitlement', `${file}: no such file`, 'name the right file in the configuration')];
    const people = new Set(Object.values(readEntitlements(read.text)).flat());
    return [ok('entitlement', `${file} lists ${people.size} people`)];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return [
      code === 'EACCES'
        ? problem('entitlement', `${file} can't be read by this user`, "give the agent's user the right to read it")
        : problem(
            'entitlement',
            message.startsWith(file) ? message : `${file}: ${message}`,
            'put it right, as GROUP: [user, …]; until then nothing shows who should have access',
          ),
    ];
  }
}

export function commands(config: Config): Finding[] {
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

export function chains(config: Config): Finding[] {
  const db = inState(config, 'serve', 'readmit.db');
  if (!existsSync(db)) return [executorsChain(config, null)];
  const store = openStoreToRead(db);
  try {
    const out = [executorsChain(config, store)];
    const journal = verifyJournal(store);
    out.push(
      journal.ok
        ? ok('journal', `its chain of ${journal.entries} entries is unbroken`)
        : problem('journal', `entry ${journal.firstBad}: ${journal.why}`, 'compare with the heads in old reports'),
    );
    return out;
  } finally {
    store.close();
  }
}

function executorsChain(config: Config, store: Store | null): Finding {
  const { verdict: audit } = executorChain(config, store);
  return audit.ok
    ? ok('audit', `the executor's chain of ${audit.entries} entries is unbroken`)
    : problem(
        'audit',
        `${audit.file}:${audit.line}: ${audit.why}`,
        'somebody changed it, or the disk did: put it back, and compare with the heads in old reports',
      );
}

export function policy(config: Config): Finding[] {
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
