/**
 * Every probe there is, by name, and every fact a cause may ask for. A new probe is one file and one line here.
 */
import { DERIVED } from './derive.ts';
import type { Probe } from './ground.ts';
import { account } from './probes/account.ts';
import { client } from './probes/client.ts';
import { config } from './probes/config.ts';
import { directory } from './probes/directory.ts';
import { entitlement } from './probes/entitlement.ts';
import { firewall } from './probes/firewall.ts';
import { groups } from './probes/groups.ts';
import { ldap } from './probes/ldap.ts';
import { proxy } from './probes/proxy.ts';
import { scheduler } from './probes/scheduler.ts';
import { selinux } from './probes/selinux.ts';
import { service } from './probes/service.ts';
import { session } from './probes/session.ts';
import { shadow } from './probes/shadow.ts';
import { token } from './probes/token.ts';
import { usermod } from './probes/usermod.ts';

export const PROBES: Record<string, Probe> = {
  account,
  client,
  config,
  directory,
  entitlement,
  firewall,
  groups,
  ldap,
  proxy,
  scheduler,
  selinux,
  service,
  session,
  shadow,
  token,
  usermod,
};

/**
 * Facts that no probe of the host can take: what the logs showed (`denial.*`; `success.last`, by the person's own client),
 * what our test jobs showed (`success.proved`), and what our own history of configuration and groups remembers
 * (`history.*`). Whoever asks for a diagnosis gives them.
 */
export const GIVEN = [
  'denial.kind',
  'denial.event',
  'denial.server',
  'denial.client',
  'denial.as-root',
  'denial.addresses',
  'denial.last',
  'denial.opened',
  'denial.names',
  'denial.unknown-names',
  'success.last',
  'success.proved',
  'history.config-access',
  'history.config-narrowed',
  'history.config-removed-groups',
  'history.group-removed',
  'history.member-of',
  'history.reverted',
  'history.mode-changed',
] as const;

/** Every fact's name. */
export const FACTS: ReadonlySet<string> = new Set([
  ...Object.values(PROBES).flatMap(p => p.facts),
  ...DERIVED,
  ...GIVEN,
]);
