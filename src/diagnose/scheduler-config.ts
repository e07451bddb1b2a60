/**
 * The scheduler's own configuration, read the way the scheduler reads it: is it valid, which mode, which groups.
 * Pure. Duplicate keys, aliases beyond reason and wrong types are faults with a line, never guessed around.
 */
import { type Document, isSeq } from 'yaml';
import { hasUnknownTag, readYaml } from '../yaml-text.ts';
import { type System, valueAt } from './system.ts';

export type SchedulerConfig =
  | { valid: true; mode: string; authorized: string[]; directoryLag: number | null }
  | { valid: false; problem: string };

export function readSchedulerConfig(text: string, system: System): SchedulerConfig {
  const read = readYaml(text, { aliases: 50, tags: 'of another program' });
  if ('faults' in read) {
    const { line, why } = read.faults[0]!;
    return { valid: false, problem: `line ${line}: ${why.replace(/ at line .*$/, '')}` };
  }
  const { value: data, doc } = read;
  const { mode: modeKey, authorized: groupsKey, modes, directoryLag } = system.config;
  for (const key of [modeKey, groupsKey])
    if (isTagged(doc, key)) return { valid: false, problem: `${key}: what its tag makes of it is not known here` };
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

/** The value, what is in it, or something above it bears a tag: it is not what it seems to say. */
function isTagged(doc: Document.Parsed, dotted: string): boolean {
  const keys = dotted.split('.');
  const value = doc.getIn(keys, true);
  const above = keys.map((_, n) => doc.getIn(keys.slice(0, n), true));
  return [...above, value, ...(isSeq(value) ? value.items : [])].some(hasUnknownTag);
}
