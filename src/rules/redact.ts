/**
 * Takes secrets out of a line before it is stored or shown: tokens as the article shows them (JWTs, cut ones too), bearer
 * and basic credentials, and what stands after a word like password or token. What is left says that something was there.
 */

const MARK = '[redacted]';

// Each expression has one way to match only, so its time grows with the line and not faster.
const SECRETS: [RegExp, string][] = [
  [/eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*/g, MARK],
  [/\b(Bearer|Basic|Negotiate)(\s{1,8}|%20)["']?[^\s"',;]+/gi, `$1 ${MARK}`],
  [
    /\b([A-Za-z0-9_-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|authorization|cookie))(["']?\s{0,4}[:=]\s{0,4})(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?!\[redacted\]|(?:Bearer|Basic|Negotiate)\b)[^\s"',;&}]+)/gi,
    `$1$2${MARK}`,
  ],
  [/(--(?:password|passwd|token|secret|api-key)[ =])(?!\[redacted\])\S+/gi, `$1${MARK}`],
  [/(\/\/[^\s/:@]{1,64}:)[^\s/@]{1,256}(?=@)/g, `$1${MARK}`],
];

/** The same line with every token, credential and password replaced by `[redacted]`. */
export function redact(line: string): string {
  let text = line;
  for (const [secret, replacement] of SECRETS) text = text.replace(secret, replacement);
  return text;
}
