/**
 * /etc/claw-scheduler/config.yaml of the practice cluster: what it says on the first day, how the scheduler reads it (at
 * start, strictly), and how a cause changes single values in it while comments and layout stay.
 */
import { readFileSync } from 'node:fs';
import { isMap, parseDocument } from 'yaml';
import { type Layout, put } from './layout.ts';

const MODES = ['groups', 'jwt', 'ldap'] as const;

export interface SchedulerConfig {
  mode: (typeof MODES)[number];
  authorizedGroups: string[];
  slots: number;
}

export const FIRST_CONFIG = `# claw-scheduler. Read when the scheduler starts: \`systemctl restart claw-scheduler\` after a change.
auth:
  mode: groups # groups | jwt | ldap
  authorized_groups:
    - claw-users
    - claw-admins
queue:
  slots: 8
`;

/** @throws Error saying what is wrong and where; the scheduler does not start then */
export function readSchedulerConfig(file: string): SchedulerConfig {
  const doc = parseDocument(readFileSync(file, 'utf8'));
  const broken = doc.errors[0];
  if (broken) throw new Error(`${file}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}`);
  const read = (path: string[]): unknown => (isMap(doc.contents) ? doc.toJS()?.[path[0]!]?.[path[1]!] : undefined);
  const mode = MODES.find(m => m === read(['auth', 'mode']));
  if (!mode) throw new Error(`${file}: auth.mode must be one of ${MODES.join(', ')}`);
  const groups = read(['auth', 'authorized_groups']);
  if (!Array.isArray(groups) || groups.some(g => typeof g !== 'string'))
    throw new Error(`${file}: auth.authorized_groups must be a list of group names`);
  const slots = read(['queue', 'slots']) ?? 8;
  if (!Number.isInteger(slots) || (slots as number) < 1)
    throw new Error(`${file}: queue.slots must be a number from 1 on`);
  return { mode, authorizedGroups: groups as string[], slots: slots as number };
}

/** The configuration, or null where it can't be read. */
export function configOrNull(file: string): SchedulerConfig | null {
  try {
    return readSchedulerConfig(file);
  } catch {
    return null;
  }
}

/**
 * Makes the file say `want`, touching only values that differ. A file that does not parse is written anew.
 * @returns whether anything was changed
 */
export function writeSchedulerConfig(at: Layout, want: Pick<SchedulerConfig, 'mode' | 'authorizedGroups'>): boolean {
  const now = configOrNull(at.config);
  if (now?.mode === want.mode && now.authorizedGroups.join() === want.authorizedGroups.join()) return false;
  const doc = parseDocument(now ? readFileSync(at.config, 'utf8') : FIRST_CONFIG);
  if (doc.getIn(['auth', 'mode']) !== want.mode) doc.setIn(['auth', 'mode'], want.mode);
  const listed = doc.toJS().auth.authorized_groups as string[];
  if (listed.join() !== want.authorizedGroups.join())
    doc.setIn(['auth', 'authorized_groups'], doc.createNode(want.authorizedGroups));
  put(at.config, doc.toString());
  return true;
}
