/**
 * What never stands in the audit file or in an answer: tokens and passwords that a tool's output or a person's reason may
 * carry, and characters that a terminal would obey.
 */
import { visible } from '../visible.ts';

export function redact(text: string): string {
  const without = text
    .replace(/eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*/g, '[token]')
    .replace(/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [secret]')
    .replace(/\b(password|passwd|secret|token|api[_-]?key)(\s*[=:]\s*)\S+/gi, '$1$2[secret]');
  return visible(without);
}

/** The same for every text inside a value. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withoutSecrets(v)]));
  return value;
}
