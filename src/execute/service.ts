/**
 * The verbs `service.start` and `service.restart`: only with a configuration that can be read, through `systemctl`, and
 * done only when the unit was seen active twice, after a restart anew. Whether the service is well is asked by the agent,
 * which has a network.
 */
import { parseAllDocuments } from 'yaml';
import type { CommandResult, RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import { argvOf, type ServiceStep } from './checks.ts';
import { type Deed, ended, type Ground, type Look } from './membership.ts';
import { readPlain } from './patch.ts';

/** Two looks this far apart: a unit of `Type=simple` is active for a moment even when it dies at once. */
const SETTLE_MS = 300;
/** Active, but no later than before, or nobody says since when: what was asked for has not been seen to happen. */
const UNTOUCHED = 'active as before';
const UNDATED = 'active, since when is not known';

export async function lookAtService(step: ServiceStep, { config, run }: Pick<Ground, 'config' | 'run'>): Promise<Look> {
  const active = await activeState(step.unit, run);
  const state = `${step.unit}: ${active}`;
  if (step.action === 'service.start') return { kind: active === 'active' ? 'already' : 'todo', state };
  const fault = step.unit === config.scheduler.unit ? configFault(config.scheduler.config) : null;
  return fault
    ? { kind: 'refused', rule: 'config-invalid', why: `${step.unit} would not come back: ${fault}`, state }
    : { kind: 'todo', state };
}

/** What systemctl says of it is not believed either way: a job that outlives our patience goes on, and may end well. */
export async function changeService(step: ServiceStep, { config, now, run, sleep }: Ground): Promise<Deed> {
  const limit = config.executor.timeout * 1000;
  // systemd says whole seconds.
  const begun = Math.floor(now() / 1000) * 1000;
  let result: CommandResult;
  try {
    result = await run(argvOf(step), { timeoutMs: limit });
  } catch (error) {
    return { result: 'failed', note: `systemctl could not be started: ${(error as Error).message}` };
  }
  const look = async (): Promise<string> => {
    const state = await activeState(step.unit, run);
    // Whoever started it, it is started; restarted it is only when it is active anew.
    if (state !== 'active' || step.action === 'service.start') return state;
    const since = await activeSince(step.unit, run);
    // Where systemd doesn't say since when, only its own word that it is done makes an active unit a new one.
    if (since === null) return result.code === 0 ? 'active' : UNDATED;
    return since >= begun ? 'active' : UNTOUCHED;
  };
  const over = result.timedOut || result.code === 0 ? [] : ['inactive', UNTOUCHED, UNDATED];
  const final = ['active', 'failed', ...over];
  const state = await settled(look, final, sleep, limit);
  const how = result.code === 0 ? '' : ended(result);
  if (state === 'active') return { result: 'done', note: how && `${how}, but the unit is active since` };
  return { result: 'failed', note: how ? `${how}; the unit is ${state}` : `the unit is ${state} after ${step.action}` };
}

/** The word `systemctl is-active` says; `unknown` when it says nothing. */
async function activeState(unit: string, run: RunCommand): Promise<string> {
  try {
    const { stdout } = await run(['systemctl', 'is-active', unit], { timeoutMs: 10_000 });
    return /^[a-z-]{1,32}$/.test(stdout.trim()) ? stdout.trim() : 'unknown';
  } catch {
    return 'unknown';
  }
}

/**
 * Since when the unit has been active, epoch milliseconds, or null. It tells after a crash of ours whether a restart
 * took place.
 */
export async function activeSince(unit: string, run: RunCommand): Promise<number | null> {
  try {
    const argv = ['systemctl', 'show', '--timestamp=unix', '--property=ActiveEnterTimestamp', '--value', unit];
    const { stdout, code } = await run(argv, { timeoutMs: 10_000 });
    const seconds = /^@(\d{9,12})$/.exec(stdout.trim())?.[1];
    return code === 0 && seconds ? Number(seconds) * 1000 : null;
  } catch {
    return null;
  }
}

/** Looks until the unit is in one of the states it stays in twice in a row, or the limit is over. */
async function settled(
  look: () => Promise<string>,
  final: readonly string[],
  sleep: Ground['sleep'],
  limitMs: number,
): Promise<string> {
  const until = performance.now() + limitMs;
  for (let before = '', last = false; ; ) {
    const state = await look();
    if (final.includes(state) && state === before) return state;
    if (last) return state === 'active' ? 'active for a moment' : state;
    last = performance.now() >= until;
    if (last && state !== 'active') return state;
    before = state;
    await sleep(SETTLE_MS);
  }
}

function configFault(file: Config['scheduler']['config']): string | null {
  try {
    const docs = parseAllDocuments(readPlain(file).bytes.toString('utf8'), { uniqueKeys: true }) as {
      errors: Error[];
    }[];
    const fault = docs.flatMap(doc => doc.errors)[0];
    return fault ? `${file}: ${fault.message.split('\n')[0]}` : null;
  } catch (error) {
    return `${file}: ${(error as Error).message.split('\n')[0]}`;
  }
}
