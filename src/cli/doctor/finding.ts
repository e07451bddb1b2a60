/** What one check of `readmit doctor` found, and what would mend it. */

export interface Finding {
  check: string;
  level: 'ok' | 'note' | 'problem';
  what: string;
  /** What would mend it. */
  todo?: string;
}

export const ok = (check: string, what: string): Finding => ({ check, level: 'ok', what });
export const note = (check: string, what: string, todo?: string): Finding => ({
  check,
  level: 'note',
  what,
  ...(todo ? { todo } : {}),
});
export const problem = (check: string, what: string, todo: string): Finding => ({
  check,
  level: 'problem',
  what,
  todo,
});

/** The same within a check that is about one thing; `todo` is null where all is well. */
export interface Found {
  what: string;
  level: Finding['level'];
  todo: string | null;
}
