/**
 * The verbs `service.start` and `service.restart`: only with a configuration that can be read, through `systemctl`, and
 * done only when the unit was seen active twice. Whether the service is well is asked by the agent, which has a network.
 */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { CommandResult, RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import { argvOf, type ServiceStep } from './checks.ts';
import { type Deed, ended, type Ground, type Look } from './membership.ts';

/** Two looks this far apart: a unit of `Type=simple` is active for a moment even when it dies at once. */
const SETTLE_MS = 300;

export async function lookAtService(step: ServiceStep, { config, run }: Pick<Ground, 'config' | 'run'>): Promise<Look> {
  const active = await activeState(step.unit, run);
  const state = `${step.unit}: ${active}`;
  if (step.action === 'service.start') return { kind: active === 'active' ? 'already' : 'todo', state };
  const fault = step.unit === config.scheduler.unit ? configFault(config.scheduler.config) : null;
  return fault
    ? { kind: 'refused', rule: 'config-invalid', why: `${step.unit} would not come back: ${fault}`, state }
    : { kind: 'todo', state };
}

export async function changeService(step: ServiceStep, { config, run, sleep }: Ground): Promise<Deed> {
  const limit = config.executor.timeout * 1000;
  let result: CommandResult;
  try {
    result = await run(argvOf(step), { timeoutMs: limit });
  } catch (error) {
    return { result: 'failed', note: `systemctl could not be started: ${(error as Error).message}` };
  }
  const state = await settled(step.unit, run, sleep, result.code === 0 ? limit : 0);
  if (result.code !== 0) return { result: 'failed', note: `${ended(result)}; the unit is ${state}` };
  return state === 'active'
    ? { result: 'done', note: '' }
    : { result: 'failed', note: `the unit is ${state} after ${step.action}` };
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

/** Looks until the unit is active twice in a row, has failed for good, or the limit is over. */
async function settled(unit: string, run: RunCommand, sleep: Ground['sleep'], limitMs: number): Promise<string> {
  const until = performance.now() + limitMs;
  for (let before = ''; ; ) {
    const state = await activeState(unit, run);
    if ((state === 'active' || state === 'failed') && state === before) return state;
    if (performance.now() >= until && (limitMs > 0 || before !== '')) return state;
    before = state;
    await sleep(SETTLE_MS);
  }
}

function configFault(file: Config['scheduler']['config']): string | null {
  try {
    const docs = parseAllDocuments(readFileSync(file, 'utf8'), { uniqueKeys: true }) as { errors: Error[] }[];
    const fault = docs.flatMap(doc => doc.errors)[0];
    return fault ? `${file}: ${fault.message.split('\n')[0]}` : null;
  } catch (error) {
    return `${file}: ${(error as Error).message.split('\n')[0]}`;
  }
}
