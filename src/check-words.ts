/** What will be done after a change to see whether it helped, in words, for whoever is asked to approve it. */
import type { Config } from './config/config.ts';

const span = (seconds: number): string => (seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);

/** `10 test jobs as alice, each accepted within a second; and no new denial for 3 s.` `user`: null for a whole service. */
export function checkWords(verify: Config['verify'], user: string | null): string {
  const { canary, account, submits, quiet } = verify;
  const who =
    canary === 'account'
      ? `the canary account ${account ?? '(none is named)'}`
      : (user ?? 'some of those who were refused');
  const proof =
    canary === 'off' || submits === 0
      ? `No test job: the change is read back, and whether it lets ${user ?? 'those who were refused'} in`
      : submits === 1
        ? `One test job as ${who}, accepted within a second`
        : `${submits} test jobs as ${who}, each accepted within a second`;
  return `${proof}; and no new denial for ${span(quiet)}.`;
}
