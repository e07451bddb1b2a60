/**
 * One step, whatever its verb: look at the world, do it, and say after a crash whether it happened.
 * The only place that knows which file implements which verb.
 */

import { sha256 } from '../digest.ts';
import { Refused } from '../incident.ts';
import type { ConfigStep, OrderStep } from './checks.ts';
import { changeDirectory, directoryHas, lookAtDirectory } from './directory.ts';
import type { LedgerStep, Progress } from './ledger.ts';
import { changeMembership, type Deed, type Ground, isEffective, type Look, lookAtMembership } from './membership.ts';
import { patched, readPatchable, replaceFile } from './patch.ts';
import { activeSince, changeService, lookAtService } from './service.ts';

export type Purpose = 'giving' | 'taking-back';

/** Is there anything to do, and is the world what the plan assumed? Changes nothing. */
export async function look(step: OrderStep, ground: Ground, purpose: Purpose): Promise<Look> {
  switch (step.action) {
    case 'group.add':
    case 'group.remove':
      return await lookAtMembership(step, ground, purpose);
    case 'directory.group-add':
    case 'directory.group-remove':
      return await lookAtDirectory(step, ground, purpose);
    case 'config.authorize-group':
    case 'config.restore':
      return lookAtConfig(step, ground);
    case 'service.restart':
    case 'service.start':
      return await lookAtService(step, ground);
    default:
      return step satisfies never;
  }
}

/** Does it. Success is what was read back. `stamp` names the backup. */
export async function act(step: OrderStep, ground: Ground, files: { backups: string; stamp: string }): Promise<Deed> {
  switch (step.action) {
    case 'group.add':
    case 'group.remove':
      return await changeMembership(step, ground);
    case 'directory.group-add':
    case 'directory.group-remove':
      return await changeDirectory(step, ground);
    case 'config.authorize-group':
    case 'config.restore':
      return await changeConfig(step, ground, files);
    case 'service.restart':
    case 'service.start':
      return await changeService(step, ground);
    default:
      return step satisfies never;
  }
}

/** After a crash between start and end of a step: did it happen? */
export async function happened(
  { step, at }: LedgerStep,
  ground: Ground,
): Promise<Extract<Progress, 'done' | 'not-done' | 'unknown'>> {
  try {
    switch (step.action) {
      case 'group.add':
      case 'group.remove':
        return (await isEffective(step, ground)) ? 'done' : 'not-done';
      case 'directory.group-add':
      case 'directory.group-remove':
        return (await directoryHas(step, ground)) === (step.action === 'directory.group-add') ? 'done' : 'not-done';
      case 'config.authorize-group':
      case 'config.restore': {
        const { hash } = readPatchable(step.file);
        return hash === step.after ? 'done' : hash === step.before ? 'not-done' : 'unknown';
      }
      case 'service.restart':
      case 'service.start': {
        const since = await activeSince(step.unit, ground.run);
        if (since === null || at === null) return 'unknown';
        // systemd says whole seconds.
        return since >= Math.floor(at / 1000) * 1000 ? 'done' : 'not-done';
      }
      default:
        return step satisfies never;
    }
  } catch {
    return 'unknown';
  }
}

function lookAtConfig(step: ConfigStep, { listPath }: Ground): Look {
  let state = `${step.file}: unread`;
  try {
    const now = readPatchable(step.file);
    state = `${step.file} sha256 ${now.hash}`;
    if (now.hash === step.after) return { kind: 'already', state };
    if (now.hash !== step.before)
      return { kind: 'stale', rule: 'file-changed', why: `${step.file} is not the file the plan was made for`, state };
    patched(step, now, listPath());
    return { kind: 'todo', state };
  } catch (error) {
    if (error instanceof Refused)
      return { kind: 'refused', rule: error.message.split(':')[0]!, why: error.message, state };
    throw error;
  }
}

async function changeConfig(
  step: ConfigStep,
  ground: Ground,
  files: { backups: string; stamp: string },
): Promise<Deed> {
  try {
    const now = readPatchable(step.file);
    if (now.hash !== step.before)
      return { result: 'failed', note: `${step.file} was changed by someone else just now` };
    const bytes = patched(step, now, ground.listPath());
    if (sha256(bytes) !== step.after)
      return { result: 'failed', note: `${step.file} would not become what was approved` };
    const backup = await replaceFile(step.file, now, bytes, {
      ...files,
      keep: ground.config.executor.backups,
      run: ground.run,
    });
    const read = readPatchable(step.file);
    if (read.hash !== step.after) return { result: 'failed', note: `${step.file} is not what was written` };
    return { result: 'done', note: `the file before is kept as ${backup}` };
  } catch (error) {
    return { result: 'failed', note: (error as Error).message };
  }
}
