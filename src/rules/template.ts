/**
 * The text of a template, `"user {user}, endpoint {endpoint:path}"`, cut into literals and typed fields, and checked: two
 * fields need a literal between them, and a literal must show where the field before it ends. A template that could be
 * read in two ways is refused here, so that no line ever is.
 */
import { type FieldType, type FieldTypeName, type FieldTypes, isFieldType, USUAL_TYPES } from './fields.ts';

/** `is`: what its type means here. */
export type Part = { literal: string } | { field: string; type: FieldTypeName; is: FieldType };

export class TemplateError extends Error {
  override name = 'TemplateError';
}

/** Fields whose meaning the engine knows have a type of their own; any other name may have any type. */
const MEANINGS: Record<string, readonly FieldTypeName[]> = {
  user: ['user', 'account'],
  ip: ['ip'],
  endpoint: ['path'],
  time: ['time'],
};

/**
 * `{{` and `}}` stand for braces; `{name}` is `{name:name}`.
 * @param types what the types mean at this site: how its people are called
 * @throws TemplateError in words for the person who wrote it
 */
export function parseTemplate(text: string, types: FieldTypes = USUAL_TYPES): Part[] {
  const parts: Part[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal) parts.push({ literal });
    literal = '';
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    if ((char === '{' || char === '}') && text[at + 1] === char) {
      literal += char;
      at += 2;
    } else if (char === '{') {
      const close = text.indexOf('}', at);
      if (close < 0) throw new TemplateError(`"{" at column ${at + 1} is never closed; a brace itself is written {{`);
      flush();
      parts.push(field(text.slice(at + 1, close), parts, types));
      at = close + 1;
    } else if (char === '}')
      throw new TemplateError(`"}" at column ${at + 1} closes nothing; a brace itself is written }}`);
    else if (char < ' ' || char === '\u007f')
      throw new TemplateError(`column ${at + 1}: a literal may not hold control characters`);
    else {
      literal += char;
      at++;
    }
  }
  flush();
  checkBorders(parts);
  return parts;
}

function field(text: string, before: Part[], types: FieldTypes): Part {
  const [name = '', type = name, ...more] = text.split(':');
  if (more.length || !/^[a-z][a-z0-9_]{0,31}$/.test(name))
    throw new TemplateError(`{${text}}: a field is {name} or {name:type}`);
  if (!isFieldType(type)) throw new TemplateError(`{${text}}: no such type; known: ${Object.keys(types).join(', ')}`);
  const allowed = MEANINGS[name];
  if (allowed && !allowed.includes(type))
    throw new TemplateError(`{${text}}: ${name} must be of type ${allowed.join(' or ')}`);
  const last = before.at(-1);
  if (last && 'field' in last) throw new TemplateError(`{${last.field}}{${name}}: two fields need text between them`);
  if (before.some(part => 'field' in part && part.field === name))
    throw new TemplateError(`{${name}} stands there twice`);
  return { field: name, type, is: types[type] };
}

function checkBorders(parts: Part[]): void {
  parts.forEach((part, i) => {
    if (!('field' in part)) return;
    const next = parts[i + 1];
    const last = i + 2 >= parts.length;
    if (part.is.shape === 'tail' && !last)
      throw new TemplateError(
        `{${part.field}}: a field of type ${part.type} takes the rest of the line; only one piece of text may follow it`,
      );
    if (next && 'literal' in next && !last && sharedStart(part.is, next.literal) === Buffer.byteLength(next.literal))
      throw new TemplateError(`{${part.field}} is ambiguous: "${next.literal}" after it could be part of it`);
  });
}

/**
 * How many bytes of the literal that follows a field could be the field's own. The field's run of bytes goes so far into the
 * literal, always and exactly, so its end is known without trying: in `{ip}: user` the colon is a byte of an address.
 */
export function sharedStart(type: FieldType, literal: string): number {
  const bytes = Buffer.from(literal);
  const end = bytes.findIndex(byte => !type.holds[byte]);
  return end < 0 ? bytes.length : end;
}

/** The longest literal: what a line must hold before anybody looks at it. */
export function longestLiteral(parts: Part[]): string {
  return parts.reduce(
    (longest, part) => ('literal' in part && part.literal.length > longest.length ? part.literal : longest),
    '',
  );
}

/** The least length, in bytes, of the text a pattern is found by: shorter text stands in every other line. */
export const LEAST_LITERAL = 6;
