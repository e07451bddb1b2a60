/** What `readmit doctor` says of the scheduler's own configuration: read as the agent reads it, and whom it lets in. */
import type { Config } from '../../config/config.ts';
import { builtInPack, readFileBounded } from '../../diagnose/effects.ts';
import { readSchedulerConfig } from '../../diagnose/scheduler-config.ts';
import { loadSystem } from '../../diagnose/system.ts';
import { type Finding, note, ok, problem } from './finding.ts';

/** Nothing where it is missing or may not be read: that is told of the files. */
export async function schedulerConfig({ pack, scheduler }: Config): Promise<Finding[]> {
  const { config: file, standardGroup, unit } = scheduler;
  let text: string | undefined;
  try {
    text = (await readFileBounded(file))?.text;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return [];
    return [problem('scheduler', message.startsWith(file) ? message : `${file}: ${message}`, 'put the file right')];
  }
  if (text === undefined) return [];
  const read = readSchedulerConfig(text, loadSystem(builtInPack(pack)));
  if (!read.valid)
    return [
      problem('scheduler', `${file} is not valid: ${read.problem}`, `put it right: ${unit} does not start with it`),
    ];
  const { mode, authorized } = read;
  const out = [ok('scheduler', `${file}: mode ${mode} lets in ${authorized.join(', ') || 'no group'}`)];
  if (!authorized.includes(standardGroup))
    out.push(
      note(
        'scheduler',
        `scheduler.standardGroup is ${standardGroup}, which it does not let in`,
        'set scheduler.standardGroup to one that it does, or authorise it there',
      ),
    );
  return out;
}
