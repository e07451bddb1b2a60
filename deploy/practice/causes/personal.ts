/**
 * Causes that hit one person: groups, tokens, sessions, the person's own environment and job file.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readClientConfig, writeClientConfig } from '../clw-home.ts';
import { TEST_JOB } from '../ground.ts';
import { put, readPorts } from '../layout.ts';
import { accountExpired, groupNames, groupsIn } from '../people.ts';
import { claimsOf } from '../tokens.ts';
import { addToProfile, type Cause, cacheToken, front, type Ground, isIn, removeFromProfile, token } from './cause.ts';

const STANDARD = 'claw-users';

// ---------------------------------------------------------------- groups

/** @returns `member` when the user was one, so that healing gives back no more than was taken */
function takeOut(g: Ground): string {
  if (!isIn(g, STANDARD)) return 'none';
  front(g.at, 'usermod', '-rG', STANDARD, g.who.name);
  return 'member';
}

function putBack(g: Ground, before: string | null): void {
  if (before?.startsWith('member') && !isIn(g, STANDARD)) front(g.at, 'usermod', '-aG', STANDARD, g.who.name);
}

const missingGroup: Cause = {
  hits: 'user',
  said: user => `${user} is no longer in ${STANDARD}, though entitled to be`,
  breakIt: takeOut,
  heal: putBack,
  holds: g => !isIn(g, STANDARD),
};

/** The line `claw-users: [alice, …]` of the entitlements, with or without one name. */
function entitle(g: Ground, yes: boolean): boolean {
  let changed = false;
  const text = readFileSync(g.at.entitlements, 'utf8').replace(
    new RegExp(`^${STANDARD}:\\s*\\[(.*)\\]`, 'm'),
    (line, list: string) => {
      const names = list
        .split(',')
        .map(n => n.trim())
        .filter(Boolean);
      if (names.includes(g.who.name) === yes) return line;
      changed = true;
      return `${STANDARD}: [${(yes ? [...names, g.who.name] : names.filter(n => n !== g.who.name)).join(', ')}]`;
    },
  );
  if (changed) writeFileSync(g.at.entitlements, text);
  return changed;
}

const accessRemoved: Cause = {
  hits: 'user',
  said: user => `${user}'s access was taken away on purpose: out of ${STANDARD}, and out of the entitlements`,
  breakIt: g => {
    const entitled = entitle(g, false) ? '+entitled' : '';
    return takeOut(g) + entitled;
  },
  heal: (g, before) => {
    if (before?.endsWith('+entitled')) entitle(g, true);
    putBack(g, before);
  },
  holds: g => !isIn(g, STANDARD),
};

// ---------------------------------------------------------------- tokens

const login = (g: Ground): void => cacheToken(g, token(g));
const cached = (g: Ground): string => readClientConfig(g.who.home).token ?? '';
/** What the cached token says, so that one that is broken in one way can be broken in another too. */
const claims = (g: Ground): { groups?: string[]; seconds?: number } => {
  const found = claimsOf(cached(g));
  return found ? { groups: found.groups, seconds: found.exp - Math.floor(Date.now() / 1000) } : {};
};
const cut = (g: Ground): boolean => cached(g).split('.')[2]?.length !== WHOLE_SIGNATURE;
const WHOLE_SIGNATURE = 43;
const CUT_OFF = 20;
/** Caches a token with these claims; one that was cut off stays so. */
const reissue = (g: Ground, groups: string[] | undefined, seconds: number | undefined): void => {
  const whole = token(g, groups, seconds);
  cacheToken(g, cached(g) !== '' && cut(g) ? whole.slice(0, -CUT_OFF) : whole);
};

const expiredToken: Cause = {
  hits: 'user',
  said: user => `${user}'s token expired an hour ago`,
  breakIt: g => {
    reissue(g, claims(g).groups, -3600);
    return null;
  },
  heal: login,
  holds: g => (claimsOf(cached(g))?.exp ?? 0) * 1000 <= Date.now(),
};

/** The mode is set by the configuration that all causes share (`shared-config.ts`). */
const staleTokenGroups: Cause = {
  hits: 'user',
  said: user =>
    `${user}'s token is from before ${user} was in ${STANDARD}, and the scheduler goes by tokens (mode jwt)`,
  breakIt: g => {
    const without = groupsIn(g.at.group, g.who).filter(group => group !== STANDARD);
    reissue(g, without, claims(g).seconds);
    return null;
  },
  heal: login,
  holds: g => !claimsOf(cached(g))?.groups.includes(STANDARD),
};

const tokenCache: Cause = {
  hits: 'user',
  said: user => `${user}'s cached token was cut off when it was written`,
  breakIt: g => {
    if (cut(g)) return null;
    const { groups, seconds } = claims(g);
    cacheToken(g, token(g, groups, seconds).slice(0, -CUT_OFF));
    return null;
  },
  heal: login,
  holds: cut,
};

// ---------------------------------------------------------------- session

/** Larger than any process id the kernel gives, so that it is nobody else's. */
const sessionId = (g: Ground): string => String(4_200_000 + g.who.uid);

const staleSession: Cause = {
  hits: 'user',
  said: user => `${user} was put into ${STANDARD} just now, but is still working in a session from before`,
  breakIt: g => {
    const was = isIn(g, STANDARD) ? 'member' : 'none';
    // What really happens: the session starts without the group, then the group file changes.
    takeOut(g);
    const gids = front(g.at, 'id', '-G', '--', g.who.name).trim();
    front(g.at, 'usermod', '-aG', STANDARD, g.who.name);
    const [uid, gid] = [g.who.uid, g.who.gid];
    const four = (n: number): string => [n, n, n, n].join('\t');
    const dir = join(g.at.proc, sessionId(g));
    const status = readFileSync('/proc/self/status', 'utf8')
      .replace(/^Name:.*$/m, 'Name:\tsh')
      .replace(/^(Tgid|Ngid|Pid):.*$/gm, (_, field: string) => `${field}:\t${field === 'Ngid' ? 0 : sessionId(g)}`)
      .replace(/^Uid:.*$/m, `Uid:\t${four(uid)}`)
      .replace(/^Gid:.*$/m, `Gid:\t${four(gid)}`)
      .replace(/^Groups:.*$/m, `Groups:\t${gids} `);
    put(join(dir, 'status'), status);
    const started = Date.now() - 600_000;
    const boot = Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0) * 1000;
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    // Field 22 of proc(5), in hundredths of a second since the machine started; the first two fields are cut off above.
    fields[19] = String(Math.max(1, Math.round((started - boot) / 10)));
    put(join(dir, 'stat'), `${sessionId(g)} (sh) ${fields.join(' ')}`);
    utimesSync(dir, started / 1000, started / 1000);
    put(join(g.at.sessions, g.who.name), `${sessionId(g)}\n`);
    return was;
  },
  heal: (g, before) => {
    rmSync(join(g.at.proc, sessionId(g)), { recursive: true, force: true });
    rmSync(join(g.at.sessions, g.who.name), { force: true });
    if (before === 'none') takeOut(g);
  },
  holds: g => {
    const file = join(g.at.proc, sessionId(g), 'status');
    if (!existsSync(join(g.at.sessions, g.who.name)) || !existsSync(file)) return false;
    const groups = /^Groups:\s*(.*)$/m.exec(readFileSync(file, 'utf8'))?.[1]?.split(/\s+/) ?? [];
    const names = groupNames(g.at.group);
    return !groups.some(gid => names.get(Number(gid)) === STANDARD);
  },
};

// ---------------------------------------------------------------- the person's own things

const uidMismatch: Cause = {
  hits: 'user',
  said: user => `${user} runs the client in a container as uid 0`,
  breakIt: g => {
    const wrapper = join(g.who.home, '.local/bin/clw');
    const text = `#!/bin/sh\n# The client in a container, without --user: uid 0, and the container network's address.\nCLAW_UID=0 CLAW_FROM=172.17.0.2 exec '${g.at.bin.replaceAll("'", "'\\''")}/clw' "$@"\n`;
    mkdirSync(join(g.who.home, '.local/bin'), { recursive: true });
    writeFileSync(wrapper, text);
    chmodSync(wrapper, 0o755);
    addToProfile(g, 'uid-mismatch', 'PATH=$HOME/.local/bin:$PATH');
    return null;
  },
  heal: g => {
    rmSync(join(g.who.home, '.local'), { recursive: true, force: true });
    removeFromProfile(g, 'uid-mismatch');
  },
  holds: g => existsSync(join(g.who.home, '.local/bin/clw')),
};

const proxy: Cause = {
  hits: 'user',
  said: user => `${user}'s profile sends requests through the proxy, which drops Authorization`,
  breakIt: g => {
    addToProfile(g, 'proxy', `export HTTP_PROXY=http://127.0.0.1:${readPorts(g.at).proxy}`);
    return null;
  },
  heal: g => removeFromProfile(g, 'proxy'),
  holds: g => /HTTP_PROXY/.test(readFileSync(join(g.who.home, '.profile'), 'utf8')),
};

const jobYaml: Cause = {
  hits: 'user',
  said: user => `${user}'s test.yaml is indented wrongly`,
  breakIt: g => {
    writeFileSync(join(g.who.home, 'test.yaml'), TEST_JOB.replace('  command:', '   command:'));
    return null;
  },
  heal: g => writeFileSync(join(g.who.home, 'test.yaml'), TEST_JOB),
};

const authFailed: Cause = {
  hits: 'user',
  said: user => `${user}'s account has expired`,
  breakIt: g => {
    front(g.at, 'usermod', '-e', '1970-01-02', g.who.name);
    return null;
  },
  heal: g => void front(g.at, 'usermod', '-e', '', g.who.name),
  holds: g => accountExpired(g.at, g.who.name, Date.now()),
};

/** One family of addresses is refused, and this person's client uses just that one. */
const ipv6Broken: Cause = {
  hits: 'user',
  said: user => `the firewall refuses IPv6, and ${user}'s client uses it`,
  breakIt: g => {
    front(g.at, 'firewall-cmd', `--add-rich-rule=${rule6(g)}`);
    useServer(g, `http://[::1]:${readPorts(g.at).scheduler}`);
    return null;
  },
  heal: g => {
    front(g.at, 'firewall-cmd', `--remove-rich-rule=${rule6(g)}`);
    useServer(g, `http://claw-head-01:${readPorts(g.at).scheduler}`);
  },
  holds: g => readFileSync(join(g.at.firewall, 'rich-rules'), 'utf8').includes(rule6(g)),
};

/** The client's own setting; the token it has stays. */
const useServer = (g: Ground, server: string): void =>
  writeClientConfig(g.who.home, { ...readClientConfig(g.who.home), server, username: g.who.name });

const rule6 = (g: Ground): string =>
  `rule family="ipv6" port port="${readPorts(g.at).scheduler}" protocol="tcp" reject`;

export const PERSONAL = {
  'missing-group': missingGroup,
  'access-removed': accessRemoved,
  'expired-token': expiredToken,
  'stale-token-groups': staleTokenGroups,
  'stale-session': staleSession,
  'token-cache': tokenCache,
  'uid-mismatch': uidMismatch,
  proxy,
  'job-yaml': jobYaml,
  'auth-failed': authFailed,
  'ipv6-only-broken': ipv6Broken,
} satisfies Record<string, Cause>;
