/**
 * What the client keeps below a home directory: the cached server, name and token in ~/.claw/config.yaml, and its log
 * ~/.claw/clw.log in the article's form.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ClientConfig {
  server: string | null;
  username: string | null;
  token: string | null;
}

const KEYS = ['server', 'username', 'token'] as const;

/** Three plain lines `key: value`; read without a YAML library, which would take longer than the request. */
export function readClientConfig(home: string): ClientConfig {
  let text = '';
  try {
    text = readFileSync(join(home, '.claw/config.yaml'), 'utf8');
  } catch {}
  const value = (key: string): string | null =>
    new RegExp(`^${key}:[ \\t]*(?:"(.*)"|(\\S+))[ \\t]*$`, 'm').exec(text)?.slice(1).find(Boolean) ?? null;
  return { server: value('server'), username: value('username'), token: value('token') };
}

export function writeClientConfig(home: string, config: ClientConfig): void {
  mkdirSync(join(home, '.claw'), { recursive: true, mode: 0o700 });
  const lines = KEYS.filter(key => config[key] !== null).map(key => `${key}: "${config[key]}"\n`);
  writeFileSync(join(home, '.claw/config.yaml'), `# Written by clw login.\n${lines.join('')}`, { mode: 0o600 });
}

/** `[ERROR] 2024-09-18T10:30:15Z: …`, the time without fractions as the article has it. */
export function logLine(home: string, level: 'ERROR' | 'WARNING' | 'INFO', text: string): void {
  mkdirSync(join(home, '.claw'), { recursive: true, mode: 0o700 });
  const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  appendFileSync(join(home, '.claw/clw.log'), `[${level}] ${time}: ${text}\n`, { mode: 0o600 });
}
