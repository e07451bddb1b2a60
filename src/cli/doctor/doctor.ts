/**
 * `readmit doctor`: checks everything Readmit needs on this machine and says what to do. Each check is one function that
 * returns findings; nothing is changed.
 */
import { type Config, loadConfig } from '../../config/config.ts';
import { print, printJson } from '../print.ts';
import { directoryFindings } from './directory.ts';
import { type Finding, type Found, problem } from './finding.ts';
import { receiverFindings } from './receivers.ts';
import { clock, mail, people, redis, serveAndExecutor } from './running.ts';
import { schedulerConfig } from './scheduler.ts';
import { approvers, chains, commands, configFile, policy, readable, sessionKey } from './setup.ts';
import { signInFindings } from './sign-in.ts';

type Check = (config: Config) => Promise<Finding[]> | Finding[];

/** Each under the name that its findings have: what keeps it from looking is told under it too. */
const CHECKS: [name: string, check: Check][] = [
  ['config', configFile],
  ['approvers', approvers],
  ['session', sessionKey],
  ['sign-in', signIn],
  ['files', readable],
  ['scheduler', schedulerConfig],
  ['commands', commands],
  ['people', people],
  ['redis', redis],
  ['mail', mail],
  ['receivers', receivers],
  ['directory', directory],
  ['serve', serveAndExecutor],
  ['audit', chains],
  ['policy', policy],
  ['clock', clock],
];

export async function doctor(o: { config?: string; json?: boolean }): Promise<number> {
  const config = loadConfig(o.config);
  const findings: Finding[] = [];
  // All at once: what doesn't answer is waited for once, not once a check.
  const answers = await Promise.allSettled(CHECKS.map(async ([, check]) => await check(config)));
  for (const [n, answer] of answers.entries()) {
    if (answer.status === 'fulfilled') {
      findings.push(...answer.value);
      continue;
    }
    // What several checks rest on is one thing to mend.
    const { message } = answer.reason as Error;
    if (!findings.some(f => f.what === message)) findings.push(problem(CHECKS[n]![0], message, 'mend that first'));
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

/** What was found about one thing, as findings of the whole. */
const about = (check: string, found: readonly Found[]): Finding[] =>
  found.map(({ what, level, todo }) => ({ check, level, what, ...(todo ? { todo } : {}) }));
function receivers(config: Config): Finding[] {
  return about('receivers', receiverFindings(config));
}
async function directory(config: Config): Promise<Finding[]> {
  return about('directory', await directoryFindings(config));
}
async function signIn(config: Config): Promise<Finding[]> {
  return about('sign-in', await signInFindings(config));
}
