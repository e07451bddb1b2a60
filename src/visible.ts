/**
 * Text from outside, made safe to look at: control characters, terminal escapes, bidirectional overrides, invisible
 * characters and line separators are shown as `\x1b` or `\u202e` and do nothing (CVE-2020-8445, CVE-2023-28486).
 * Command line, logs, web and mail all go through this one function before they escape for their own medium.
 */

// C0, DEL, C1; soft hyphen; Arabic letter mark; zero width and direction marks; line and paragraph separators; embeddings
// and isolates; invisible operators; byte order mark; interlinear marks; tags; lone surrogates.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu;

/** Shows every character of `text` that would move, colour, hide or reorder something, newlines and tabs included. */
export const visible = (text: string): string => text.replace(UNSAFE, escaped);

/** The same JSON, in which such characters are written as `\u…`: whoever prints it does not obey it. */
export const inertJson = (json: string): string =>
  json.replace(UNSAFE, char =>
    char === '\n' ? char : Array.from({ length: char.length }, (_, i) => unit(char, i)).join(''),
  );

const unit = (char: string, i: number): string => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`;

function escaped(char: string): string {
  const code = char.codePointAt(0)!;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\u{${code.toString(16)}}`;
}
