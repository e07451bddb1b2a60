/**
 * The scheduler's own configuration, read the way the scheduler reads it: is it valid, which mode, which groups.
 * Pure. Duplicate keys, aliases beyond reason and wrong types are faults with a line, never guessed around.
 */
import { LineCounter, parseDocument } from 'yaml';
import { type System, valueAt } from './system.ts';

export type SchedulerConfig =
  | { valid: true; mode: string; authorized: string[]; directoryLag: number | null }
  | { valid: false; problem: string };

export function readSchedulerConfig(text: string, system: System): SchedulerConfig {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const error = doc.errors[0];
  if (error)
    return {
      valid: false,
      problem: `line ${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]!.replace(/ at line .*$/, '')}`,
    };
  let data: unknown;
  try {
    data = doc.toJS({ maxAliasCount: 50 });
  } catch (cause) {
    return { valid: false, problem: cause instanceof Error ? cause.message : 'not readable as YAML' };
  }
  const { mode: modeKey, authorized: groupsKey, modes, directoryLag } = system.config;
  const mode = valueAt(data, modeKey);
  if (typeof mode !== 'string') return { valid: false, problem: `${modeKey}: missing or not a word` };
  if (!modes.includes(mode))
    return { valid: false, problem: `${modeKey}: ${JSON.stringify(mode)} is none of ${modes.join(', ')}` };
  const groups = valueAt(data, groupsKey);
  if (!Array.isArray(groups)) return { valid: false, problem: `${groupsKey}: missing or not a list` };
  const odd = groups.find(g => typeof g !== 'string' || g === '');
  if (odd !== undefined) return { valid: false, problem: `${groupsKey}: ${JSON.stringify(odd)} is no group name` };
  const lag = directoryLag ? valueAt(data, directoryLag) : undefined;
  return { valid: true, mode, authorized: groups as string[], directoryLag: typeof lag === 'number' ? lag : null };
}
