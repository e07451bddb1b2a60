/**
 * Sets the practice cluster up in a directory, or completes one that is there: what exists keeps its content, only what is
 * missing is made. Fronts are always written anew, because they carry absolute paths of the checkout and its Node.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PIPES_LABEL } from './access.ts';
import { readBroken } from './broken.ts';
import { readClientConfig, writeClientConfig } from './clw-home.ts';
import { DOMAIN, HOST, type Layout, type Ports, put, REPO } from './layout.ts';
import { groupsIn, USERS, userDatabase } from './people.ts';
import { FIRST_CONFIG } from './scheduler-config.ts';
import { claimsOf, issue, TOKEN_SECONDS } from './tokens.ts';

const ADMINISTRATORS = USERS.filter(u => u.groups.includes('claw-admins'));

/** The article's job file. */
export const TEST_JOB = `job:
  name: test-fix
  command: echo "Hello OpenClaw"
  resources:
    cpu: 1
    mem: 1G
`;

const FIRST_PROFILE = `# ~/.profile: read at login.
umask 022
`;

const unlessThere = (file: string, text: () => string, mode?: number): void => {
  if (!existsSync(file)) put(file, text(), mode);
};

/** Makes everything that does not depend on ports. */
export function layGround(at: Layout): void {
  // Keys lie in it, so nobody else looks in.
  mkdirSync(at.root, { recursive: true, mode: 0o700 });
  for (const dir of [at.run, at.proc, at.sessions, at.pipes, at.mail, join(at.root, 'var/log/journal')])
    mkdirSync(dir, { recursive: true });
  chmodSync(at.run, 0o700);
  const database = userDatabase(at);
  for (const name of ['passwd', 'group', 'shadow', 'gshadow'] as const)
    unlessThere(join(at.root, 'etc', name), () => database[name], name.endsWith('shadow') ? 0o600 : 0o644);
  unlessThere(at.config, () => FIRST_CONFIG);
  unlessThere(at.tokenKey, () => `${randomBytes(32).toString('hex')}\n`, 0o600);
  unlessThere(at.log, () => '', 0o640);
  unlessThere(at.asked, () => '');
  layDirectory(at);
  layProtection(at);
  layPeople(at);
  layApprovers(at);
  writeFronts(at);
  const bootTime = /^btime .*$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[0] ?? 'btime 0';
  put(join(at.proc, 'stat'), `${bootTime}\n`);
}

/** The directory knows everybody's shared group, and one account that only it knows; not the scheduler's groups. */
function layDirectory(at: Layout): void {
  const group = `domain-users:*:3000:${USERS.map(u => u.name).join(',')},ldap-canary\n`;
  unlessThere(join(at.directory, 'master'), () => group);
  unlessThere(join(at.directory, 'replica'), () => group);
  unlessThere(
    join(at.directory, 'passwd'),
    () => 'ldap-canary:*:7001:3000:directory canary:/nonexistent:/usr/sbin/nologin\n',
  );
}

function layProtection(at: Layout): void {
  unlessThere(join(at.selinux, 'mode'), () => 'Enforcing\n');
  unlessThere(join(at.selinux, 'fcontexts'), () => `${at.pipes}\t${PIPES_LABEL}\n`);
  unlessThere(join(at.selinux, 'labels'), () => `${at.pipes}\t${PIPES_LABEL}\n`);
  unlessThere(join(at.firewall, 'rich-rules'), () => '');
}

function layPeople(at: Layout): void {
  const entitled = USERS.filter(u => u.groups.includes('claw-users')).map(u => u.name);
  unlessThere(
    at.entitlements,
    () =>
      `# Who should be in which group: the site's source of entitlements.\nclaw-users: [${entitled.join(', ')}]\nclaw-admins: [${ADMINISTRATORS.map(a => a.name).join(', ')}]\n`,
  );
  unlessThere(
    at.addresses,
    () =>
      `# Where requests come from: all of them arrive over loopback, so this file plays the network.\n${USERS.map(u => `${u.name}: ${u.address}\n`).join('')}` +
      '"(proxy)": 192.168.1.3\n"(strangers)": 203.0.113.66\n',
  );
  unlessThere(
    join(at.root, 'etc/hosts'),
    () => `127.0.0.1 localhost ${HOST} ${HOST}.${DOMAIN} scheduler\n::1 localhost6 ${HOST}6\n`,
  );
  for (const user of USERS) {
    const home = join(at.home, user.name);
    mkdirSync(home, { recursive: true });
    unlessThere(join(home, '.profile'), () => FIRST_PROFILE);
    unlessThere(join(home, 'test.yaml'), () => TEST_JOB);
  }
}

/** Logs people in who have no token or an old one, as each would in the morning; not those whose token is broken on purpose. */
function logPeopleIn(at: Layout, server: string): void {
  const key = readFileSync(at.tokenKey, 'utf8').trim();
  const leave = new Set(readBroken(at).map(b => b.user));
  for (const { name, uid } of USERS) {
    const home = join(at.home, name);
    const config = readClientConfig(home);
    const fresh = ((config.token && claimsOf(config.token)?.exp) || 0) * 1000 > Date.now();
    const first = !existsSync(join(home, '.claw/config.yaml'));
    if (!first && (fresh || config.token === null || leave.has(name))) {
      if (config.server !== server && !leave.has(name)) writeClientConfig(home, { ...config, server });
      continue;
    }
    const groups = groupsIn(at.group, { name, uid, gid: uid, home });
    const token = issue({ user: name, groups, exp: Math.floor(Date.now() / 1000) + TOKEN_SECONDS }, key);
    writeClientConfig(home, { server, username: name, token });
  }
}

/** What depends on ports: where the client finds the scheduler, and that the firewall lets it through. */
export function layPorts(at: Layout, ports: Ports, before: Ports | null): void {
  const server = `http://${HOST}:${ports.scheduler}`;
  const aliases = [`${HOST}:8080`, 'scheduler:8080'];
  put(at.client, `${JSON.stringify({ server, port: ports.scheduler, aliases })}\n`);
  const rules = join(at.firewall, 'ports');
  if (before && existsSync(rules))
    writeFileSync(rules, readFileSync(rules, 'utf8').replaceAll(`${before.scheduler}/tcp`, `${ports.scheduler}/tcp`));
  else put(rules, `22/tcp\n${ports.scheduler}/tcp\n`);
  if (before) {
    const rich = join(at.firewall, 'rich-rules');
    writeFileSync(
      rich,
      readFileSync(rich, 'utf8').replaceAll(`port="${before.scheduler}"`, `port="${ports.scheduler}"`),
    );
  }
  put(at.ports, `${JSON.stringify(ports)}\n`);
  logPeopleIn(at, server);
}

// ---------------------------------------------------------------- approvers

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** base64 of the raw 32 bytes of an ed25519 public key: the end of its SPKI form. */
function publicKeyOf(file: string): string {
  const spki = createPublicKey(createPrivateKey(readFileSync(file))).export({ type: 'spki', format: 'der' });
  return spki.subarray(-32).toString('base64');
}

function layApprovers(at: Layout): void {
  mkdirSync(at.keys, { recursive: true, mode: 0o700 });
  mkdirSync(at.state, { recursive: true, mode: 0o700 });
  const session = join(at.state, 'serve/session.key');
  for (const file of [session, ...ADMINISTRATORS.map(a => join(at.keys, `${a.name}.key`))])
    unlessThere(file, () => pem(generateKeyPairSync('ed25519').privateKey), 0o600);
  unlessThere(at.approvers, () => {
    const people = ADMINISTRATORS.map(
      a =>
        `  - name: ${a.name}\n    uid: ${a.uid}\n    roles: [administrator, operator]\n    mail: ${a.name}@${DOMAIN}\n    keys: [${publicKeyOf(join(at.keys, `${a.name}.key`))}]\n`,
    );
    return `# Who may approve, and with which keys (raw ed25519 public keys, base64).\napprovers:\n${people.join('')}session:\n  keys: [${publicKeyOf(session)}]\n`;
  });
}

// ---------------------------------------------------------------- bin

/** A word that sh takes as it stands. */
const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function writeFronts(at: Layout): void {
  mkdirSync(at.bin, { recursive: true });
  const fronts = join(import.meta.dirname, 'bin');
  const words: Record<string, string> = {
    '@ROOT@': at.root,
    '@NODE@': process.execPath,
    '@CODE@': import.meta.dirname,
    '@REPO@': REPO,
  };
  for (const name of readdirSync(fronts)) {
    const text = readFileSync(join(fronts, name), 'utf8').replace(/@(ROOT|NODE|CODE|REPO)@/g, word =>
      shellWord(words[word]!),
    );
    writeFileSync(join(at.bin, name), text, { mode: 0o755 });
    chmodSync(join(at.bin, name), 0o755);
  }
}

/** DIR/env: to be sourced, so that this shell talks to this cluster. */
export function writeEnv(at: Layout, ports: Ports): void {
  const set = (name: string, value: string): string => `export ${name}=${shellWord(value)}\n`;
  writeFileSync(
    join(at.root, 'env'),
    `# . ${at.root}/env: readmit, as, practice, clw and their like are then those of this practice cluster.\n` +
      `export PATH=${shellWord(at.bin)}:"$PATH"\n` +
      set('READMIT_CONFIG', at.yaml) +
      set('PRACTICE_DIR', at.root) +
      set('PRACTICE_MAILBOX', `http://127.0.0.1:${ports.mailbox}`) +
      set('PRACTICE_SCHEDULER', `http://127.0.0.1:${ports.scheduler}`),
  );
}
