/**
 * A host on which all is well, as facts, and what differs when something is wrong. Conclusions are drawn from the facts
 * by the product's own `derive`, so a test only says what was observed.
 */
import { type Config, parseConfig } from '../../src/config/config.ts';
import { loadCauses } from '../../src/diagnose/causes.ts';
import { derive } from '../../src/diagnose/derive.ts';
import { diagnose } from '../../src/diagnose/diagnose.ts';
import { builtInPack } from '../../src/diagnose/effects.ts';
import { loadSystem } from '../../src/diagnose/system.ts';
import type { Diagnosis, Fact, FactValue } from '../../src/diagnosis.ts';

export const NOW = Date.parse('2026-11-23T10:00:00Z');
export const iso = (ms: number): string => new Date(ms).toISOString();
export const CONFIG = '/etc/claw-scheduler/config.yaml';

export const config = parseConfig(
  'host: claw-head-01\nentitlement: { file: /etc/claw/entitlements.yaml }\n',
  'readmit.yaml',
);
export const causes = loadCauses([builtInPack('openclaw')]);
const system = loadSystem(builtInPack('openclaw'));

/** What was observed. `undefined` stands for a fact that could not be asked. */
export type Observed = Record<string, FactValue | undefined>;

const WELL: Observed = {
  'account.exists': true,
  'account.uid': 2001,
  'account.system': false,
  'account.expired': false,
  'groups.nss': ['alice', 'claw-users'],
  'groups.file': ['alice', 'claw-users'],
  'config.valid': true,
  'config.problem': null,
  'config.hash': 'a'.repeat(64),
  'config.splice': undefined,
  'config.loaded': true,
  'config.loaded-groups': ['claw-users'],
  'access.mode': 'groups',
  'access.authorized-groups': ['claw-users'],
  'access.standard-authorized': true,
  'access.group-ids': ['claw-users:2500', 'claw-admins:2600'],
  'access.local-groups': ['claw-users', 'claw-admins'],
  'entitlement.source': '/etc/claw/entitlements.yaml',
  'entitlement.groups': ['claw-users'],
  'entitlement.listed': true,
  'token.present': true,
  'token.readable': true,
  'token.intact': true,
  'token.user': 'alice',
  'token.groups': ['claw-users'],
  'token.expires': iso(NOW + 3_600_000),
  'session.pids': [],
  'session.gids': [],
  'scheduler.active': 'active',
  'scheduler.health4': 'healthy',
  'scheduler.health6': 'healthy',
  'scheduler.date': iso(NOW),
  'scheduler.date-skew': 0,
  'directory.canary': 'there',
  'directory.standard-group': true,
  'directory.group': 'claw-users',
  'directory.member': true,
  'selinux.mode': 'enforcing',
  'selinux.denials': 0,
  'firewall.open': true,
  'firewall.port': '8080',
  'proxy.set': false,
  'queue.free': 4,
  'queue.running': 2,
  'client.event': 'denied',
  'client.at': iso(NOW - 1000),
  'client.container': false,
  'client.proxy': false,
  'denial.kind': 'user',
  'denial.event': 'denied',
  'denial.server': true,
  'denial.addresses': ['192.168.1.100'],
  'history.group-removed': [],
};

/** The site's own list leaves them out. */
export const NOT_LISTED: Observed = { 'entitlement.groups': [], 'entitlement.listed': false };
/** Lacks the group, as most people who are denied. */
export const NO_GROUP: Observed = { 'groups.nss': ['alice'], 'groups.file': ['alice'], 'directory.member': false };
/** The configuration lets administrators in only, and the one line that would mend it is known. */
export const STRICT: Observed = {
  'access.authorized-groups': ['claw-admins'],
  'access.standard-authorized': false,
  'config.loaded-groups': ['claw-admins'],
  'config.splice': [
    'claw-users',
    '50',
    'b'.repeat(64),
    '    - claw-users\n',
    '--- c\n+++ c\n@@ -1,1 +1,2 @@\n     - claw-admins\n+    - claw-users\n',
  ],
};

export function facts(different: Observed = {}, user = 'alice', site: Config = config): Fact[] {
  const observed = Object.entries({ ...WELL, ...different }).map(
    ([fact, value]): Fact => ({
      fact,
      value: value ?? null,
      known: value !== undefined,
      source: value === undefined ? 'could not be asked' : `source of ${fact}`,
      at: iso(NOW),
    }),
  );
  return derive(observed, {
    scheduler: site.scheduler,
    paths: site.paths,
    policy: site.policy,
    system,
    user,
    now: NOW,
  });
}

export const why = (different: Observed = {}, user = 'alice', site: Config = config): Diagnosis =>
  diagnose({ user, facts: facts(different, user, site), causes, config: site });
