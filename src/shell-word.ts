/** A command as a person would type it: what is shown, mailed and exported, for somebody's own shell. We never run one. */

/** A word as sh reads it back: in single quotes unless it is plain. */
export const shellWord = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

export const shellWords = (argv: readonly string[]): string => argv.map(shellWord).join(' ');
