/**
 * `config.authorize-group`: one line more in the scheduler's configuration. The splice was made on the host, from the
 * bytes of the file; here it becomes a step that names the file's digest before and after.
 */
import type { Action, ActionContext } from '../action.ts';
import { mayGiveGroup, mayPatch } from '../policy.ts';

export const configAuthorizeGroup: Action = {
  name: 'config.authorize-group',
  make({ group = '' }, context) {
    const { facts, config } = context;
    const file = config.scheduler.config;
    const rule = mayPatch(file, config) ?? mayGiveGroup(group, config);
    if (rule) return rule;
    const before = facts.text('config.hash');
    const splice = facts.list('config.splice');
    if (!before || !splice)
      return { refused: `${file} can't be patched safely: ${facts.source(before ? 'config.splice' : 'config.hash')}` };
    const [of, at, after, insert, diff] = splice as [string, string, string, string, string];
    if (of !== group) return { refused: `the change was prepared for ${of}, not for ${group}` };
    const splicing = { file, group, at: Number(at), insert };
    return {
      tier: 2,
      deed: `Authorise ${group} in ${file}`,
      steps: [{ action: 'config.authorize-group', ...splicing, before, after, diff }],
      undo: [{ action: 'config.restore', ...splicing, before: after, after: before, diff: reversed(diff) }],
      gains: [],
      assumes: { 'config.hash': before },
      ...historyOf(group, context),
      elsewhere: false,
    };
  },
};

/** Was the group authorised before? Then this puts back what was; if not, leaving it out may have been meant. */
function historyOf(group: string, { facts }: ActionContext): { entitlement: string | null; notes: string[] } {
  if (facts.list('history.config-removed-groups')?.includes(group))
    return {
      entitlement: `${group} was authorised before (${facts.source('history.config-removed-groups')})`,
      notes: [],
    };
  return {
    entitlement: null,
    notes: [
      `No earlier copy of the configuration is known that authorised ${group}: leaving it out may have been meant. Give a reason.`,
    ],
  };
}

/** The diff of taking the line out again. */
const reversed = (diff: string): string =>
  diff
    .split('\n')
    .map((line, n) => {
      if (n < 2) return line;
      if (line.startsWith('@@ -')) return line.replace(/^@@ -(\S+) \+(\S+) @@/, '@@ -$2 +$1 @@');
      return line.startsWith('+') ? `-${line.slice(1)}` : line.startsWith('-') ? `+${line.slice(1)}` : line;
    })
    .join('\n');
