/**
 * config.yaml and the directory are shared by several causes, so neither is saved and restored: both are made to be what
 * the causes that are broken right now ask for, and the scheduler is restarted when it runs with something else.
 */
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Broken } from '../broken.ts';
import type { Layout } from '../layout.ts';
import { configOrNull, type SchedulerConfig, writeSchedulerConfig } from '../scheduler-config.ts';
import { systemctl } from '../systemctl.ts';
import { request } from './cause.ts';

type Wanted = Pick<SchedulerConfig, 'mode' | 'authorizedGroups'>;

const USUAL: Wanted = { mode: 'groups', authorizedGroups: ['claw-users', 'claw-admins'] };

/** What each cause asks of the configuration. */
const ASKS: Record<string, Partial<Wanted>> = {
  'config-too-strict': { authorizedGroups: ['claw-admins'] },
  'stale-token-groups': { mode: 'jwt' },
  'wrong-mode': { mode: 'ldap' },
  'ldap-lag': { mode: 'ldap' },
  'directory-unavailable': { mode: 'ldap' },
};

/** Causes after which the configuration, once healed, must be loaded again. */
const CONFIG_CAUSES = [...Object.keys(ASKS), 'config-not-loaded', 'config-invalid'];

export const touchesConfig = (cause: string): boolean => CONFIG_CAUSES.includes(cause);

const wantedOf = (broken: Broken[]): Wanted => Object.assign({}, USUAL, ...broken.map(b => ASKS[b.cause] ?? {}));

/** Brings file, directory and running scheduler in line with what is broken. */
export async function applyShared(at: Layout, broken: Broken[]): Promise<void> {
  const is = (cause: string): boolean => broken.some(b => b.cause === cause);
  writeDirectory(at, broken);
  if (is('config-invalid')) return;
  writeSchedulerConfig(at, wantedOf(broken));
  if (is('scheduler-down') || is('config-not-loaded')) return;
  if (!(await runsWith(at, configOrNull(at.config)!))) await systemctl(at, 'restart');
}

/** Whether the scheduler runs, and with this configuration. It is asked; where the firewall is in the way, it is restarted. */
async function runsWith(at: Layout, config: SchedulerConfig): Promise<boolean> {
  const answer = await request(at, 'nobody', null, 'GET', '/api/v1/info');
  if (answer.kind !== 'answer') return false;
  const { mode, authorized_groups: groups } = answer.body as { mode: string; authorized_groups: string[] };
  return mode === config.mode && groups.join() === config.authorizedGroups.join();
}

const HOUR = 3_600;

function writeDirectory(at: Layout, broken: Broken[]): void {
  const own = readFileSync(join(at.directory, 'master'), 'utf8')
    .split('\n')
    .filter(line => line && !line.startsWith('claw-'));
  const late = new Set(broken.filter(b => b.cause === 'ldap-lag').map(b => b.user));
  const holdsGroups = late.size > 0 || broken.some(b => b.cause === 'directory-unavailable');
  const groups = holdsGroups
    ? readFileSync(at.group, 'utf8')
        .split('\n')
        .filter(line => /^claw-(users|admins):/.test(line))
    : [];
  const without = (line: string): string => {
    const fields = line.split(':');
    fields[3] = (fields[3] ?? '')
      .split(',')
      .filter(name => !late.has(name))
      .join(',');
    return fields.join(':');
  };
  const write = (file: string, lines: string[]): void => {
    const path = join(at.directory, file);
    const text = `${[...own, ...lines].join('\n')}\n`;
    if (readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
  };
  write('master', groups);
  write(
    'replica',
    groups.map(line => (line.startsWith('claw-users:') ? without(line) : line)),
  );
  // The replica was last brought up to date before the master's change.
  const now = Date.now() / 1000;
  if (late.size) {
    utimesSync(join(at.directory, 'master'), now, now);
    utimesSync(join(at.directory, 'replica'), now - HOUR, now - HOUR);
  }
}
