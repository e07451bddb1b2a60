/**
 * Causes that hit everybody: the scheduler's configuration and process, the network, SELinux, the directory, the clock, the
 * queue. What they want of config.yaml and of the directory is brought about by `shared-config.ts`.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PIPES_LABEL } from '../access.ts';
import { put, readPorts } from '../layout.ts';
import { account } from '../people.ts';
import { configOrNull, writeSchedulerConfig } from '../scheduler-config.ts';
import { systemctl } from '../systemctl.ts';
import { type Cause, front, type Ground, request, token } from './cause.ts';

/** For causes that are wholly a matter of `shared-config.ts`. */
const byConfig = (): null => null;
const nothing = (): void => {};
const STRICT = ['claw-admins'];

const configTooStrict: Cause = {
  hits: 'all',
  said: () => 'authorized_groups is [claw-admins] now, and the scheduler has been restarted with it',
  breakIt: byConfig,
  heal: nothing,
  holds: g => !configOrNull(g.at.config)?.authorizedGroups.includes('claw-users'),
};

const configNotLoaded: Cause = {
  hits: 'all',
  said: () => 'config.yaml is right, but the scheduler still runs with an older one',
  breakIt: async g => {
    const right = readFileSync(g.at.config, 'utf8');
    const mode = configOrNull(g.at.config)?.mode ?? 'groups';
    writeSchedulerConfig(g.at, { mode, authorizedGroups: STRICT });
    await systemctl(g.at, 'restart');
    // systemd shows the start in whole seconds: the file must be visibly younger.
    await new Promise(resolve => setTimeout(resolve, 1_200));
    writeFileSync(g.at.config, right);
    return null;
  },
  heal: nothing,
};

const configInvalid: Cause = {
  hits: 'all',
  said: () => 'config.yaml does not parse any more, and the scheduler refuses to start',
  breakIt: async g => {
    const before = readFileSync(g.at.config, 'utf8');
    writeFileSync(
      g.at.config,
      before.replace(/^( *)mode:/m, '\tmode: [').replace(/authorized_groups:/, 'authorized_groups: ['),
    );
    await systemctl(g.at, 'restart');
    return before;
  },
  heal: (g, before) => {
    if (!configOrNull(g.at.config) && before !== null) writeFileSync(g.at.config, before);
  },
  holds: g => configOrNull(g.at.config) === null,
};

const wrongMode: Cause = {
  hits: 'all',
  said: () => 'auth.mode is ldap now, but the groups of this site are not in the directory',
  breakIt: byConfig,
  heal: nothing,
  holds: g => configOrNull(g.at.config)?.mode === 'ldap',
};

const schedulerDown: Cause = {
  hits: 'all',
  said: () => 'the scheduler is stopped',
  breakIt: async g => {
    await systemctl(g.at, 'stop');
    return null;
  },
  heal: async g => {
    await systemctl(g.at, 'start');
  },
  holds: g => !/^ActiveState=active$/m.test(readFileSync(join(g.at.units, 'claw-scheduler'), 'utf8')),
};

const portOption = (g: Ground): string => `${readPorts(g.at).scheduler}/tcp`;

const portBlocked: Cause = {
  hits: 'all',
  said: () => "the firewall no longer lets the scheduler's port through",
  breakIt: g => {
    front(g.at, 'firewall-cmd', `--remove-port=${portOption(g)}`);
    return null;
  },
  heal: g => void front(g.at, 'firewall-cmd', `--add-port=${portOption(g)}`),
  holds: g => !readFileSync(join(g.at.firewall, 'ports'), 'utf8').split('\n').includes(portOption(g)),
};

const selinux: Cause = {
  hits: 'all',
  said: () => 'the socket through which the scheduler asks for groups has lost its label, and SELinux is enforcing',
  breakIt: g => {
    const mode = readFileSync(join(g.at.selinux, 'mode'), 'utf8');
    put(join(g.at.selinux, 'mode'), 'Enforcing\n');
    put(join(g.at.selinux, 'fcontexts'), '');
    put(join(g.at.selinux, 'labels'), `${g.at.pipes}\tsystem_u:object_r:default_t:s0\n`);
    return mode;
  },
  heal: (g, before) => {
    put(join(g.at.selinux, 'mode'), before ?? 'Enforcing\n');
    for (const file of ['fcontexts', 'labels']) put(join(g.at.selinux, file), `${g.at.pipes}\t${PIPES_LABEL}\n`);
  },
  holds: g => !readFileSync(join(g.at.selinux, 'labels'), 'utf8').includes(PIPES_LABEL),
};

/** The directory itself is written by `shared-config.ts`: USER is in the master and not yet in the replica. */
const ldapLag: Cause = {
  hits: 'user',
  said: user => `the scheduler asks the directory, whose replica does not have ${user} in claw-users yet`,
  breakIt: byConfig,
  heal: nothing,
  holds: g =>
    front(g.at, 'getent', '-s', 'sss', 'group', 'claw-users').trim().split(':')[3]?.split(',').includes(g.who.name) !==
    true,
};

const directoryUnavailable: Cause = {
  hits: 'all',
  said: () => 'the scheduler asks the directory, which does not answer',
  breakIt: async g => {
    put(join(g.at.directory, 'down'), '');
    await systemctl(g.at, 'refresh', 'sssd');
    return null;
  },
  heal: async g => {
    rmSync(join(g.at.directory, 'down'), { force: true });
    await systemctl(g.at, 'refresh', 'sssd');
  },
  holds: g => existsSync(join(g.at.directory, 'down')),
};

const AHEAD_SECONDS = 25 * 3600;

const clockSkew: Cause = {
  hits: 'all',
  said: () => "the scheduler's clock is 25 hours ahead",
  breakIt: g => {
    put(g.at.clock, `${AHEAD_SECONDS}\n`);
    return null;
  },
  heal: g => rmSync(g.at.clock, { force: true }),
  holds: g => existsSync(g.at.clock),
};

const queueFull: Cause = {
  hits: 'all',
  said: () => "erin's long jobs hold every slot of the queue",
  breakIt: async g => {
    const erin: Ground = { at: g.at, who: account(g.at, 'erin')! };
    const job = 'job:\n  name: long\n  command: sleep 86400\n';
    const ids: string[] = [];
    for (;;) {
      const answer = await request(g.at, 'erin', token(erin), 'POST', '/api/v1/jobs/submit', job);
      if (answer.kind === 'answer' && answer.status === 503) return JSON.stringify(ids);
      if (answer.kind !== 'answer' || answer.status !== 200)
        throw new Error('erin can submit nothing at the moment: heal what else is broken first');
      ids.push(String(answer.body.id));
    }
  },
  heal: async (g, before) => {
    // Asked as an administrator, who may cancel everybody's jobs; a scheduler that is down has no jobs left.
    const ann: Ground = { at: g.at, who: account(g.at, 'root-ann')! };
    for (const id of JSON.parse(before ?? '[]') as string[])
      await request(g.at, 'root-ann', token(ann), 'POST', `/api/v1/jobs/cancel?id=${encodeURIComponent(id)}`);
  },
};

export const SERVICE = {
  'config-too-strict': configTooStrict,
  'config-not-loaded': configNotLoaded,
  'config-invalid': configInvalid,
  'wrong-mode': wrongMode,
  'scheduler-down': schedulerDown,
  'port-blocked': portBlocked,
  selinux,
  'ldap-lag': ldapLag,
  'directory-unavailable': directoryUnavailable,
  'clock-skew': clockSkew,
  'queue-full': queueFull,
} satisfies Record<string, Cause>;
