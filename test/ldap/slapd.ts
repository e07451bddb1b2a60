/** A directory of one's own for a test: Debian's slapd in a temporary directory, with people, groups and two accounts. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const BASE = 'dc=site,dc=example';
export const GROUPS = `ou=groups,${BASE}`;
export const PEOPLE = `ou=people,${BASE}`;
export const WRITER = `cn=readmit,${BASE}`;
export const READER = `cn=reader,${BASE}`;
const ADMIN = `cn=admin,${BASE}`;
export const PASSWORDS: Record<string, string> = {
  [WRITER]: 'open sesame',
  [READER]: 'just looking',
  [ADMIN]: 'all of it',
};

export interface Slapd {
  dir: string;
  port: number;
  url: string;
  /** Over TLS, with a certificate for 127.0.0.1 signed by `ca`. */
  tlsUrl: string;
  ca: string;
  /** A file with the password of that account, readable by its owner only. */
  passwordFile: (dn: string, password?: string) => string;
  /** What is there, as the administrator sees it: values of one attribute of one entry. */
  values: (dn: string, attribute: string) => string[];
  /** Changes something as the administrator: LDIF. */
  modify: (ldif: string) => void;
  stop: () => Promise<void>;
  start: () => Promise<void>;
  end: () => Promise<void>;
}

const ports = async (): Promise<[number, number]> => {
  const servers = [createServer(), createServer()];
  const found = await Promise.all(
    servers.map(
      s => new Promise<number>(done => s.listen(0, '127.0.0.1', () => done((s.address() as { port: number }).port))),
    ),
  );
  await Promise.all(servers.map(s => new Promise(done => s.close(done))));
  return [found[0]!, found[1]!];
};

/** Certificates for 127.0.0.1, signed by an authority made for the occasion. */
function makeCertificates(dir: string): { ca: string; cert: string; key: string } {
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '2',
    '-subj',
    '/CN=practice CA',
  );
  openssl('req', ...key, '-keyout', at('tls.key'), '-out', at('tls.csr'), '-subj', '/CN=directory');
  writeFileSync(at('san'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    'x509',
    '-req',
    '-in',
    at('tls.csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    at('san'),
    '-out',
    at('tls.pem'),
  );
  return { ca: at('ca.pem'), cert: at('tls.pem'), key: at('tls.key') };
}

const configText = (dir: string, tls: { ca: string; cert: string; key: string }): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${dir}/slapd.pid
TLSCACertificateFile ${tls.ca}
TLSCertificateFile ${tls.cert}
TLSCertificateKeyFile ${tls.key}
# A bind with a name and no password is taken as anonymous and called a success, as many servers do.
allow bind_anon_cred
database mdb
suffix "${BASE}"
rootdn "${ADMIN}"
rootpw "${PASSWORDS[ADMIN]}"
directory ${dir}/db
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="${GROUPS}" attrs=memberUid,member,uniqueMember by dn.exact="${WRITER}" write by dn.exact="${READER}" read by * none
access to dn.subtree="${BASE}" by dn.exact="${WRITER}" read by dn.exact="${READER}" read by anonymous auth
`;

const account = (dn: string): string =>
  `dn: ${dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: ${/cn=(\w+)/.exec(dn)![1]}\nuserPassword: ${PASSWORDS[dn]}\n`;

/** Groups of both kinds: `claw-users` by name, `claw-members` by the person's entry. */
const content = (people: Record<string, number>, members: string[], gid: number): string =>
  [
    `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: site\ndc: site\n`,
    `dn: ${GROUPS}\nobjectClass: organizationalUnit\nou: groups\n`,
    `dn: ${PEOPLE}\nobjectClass: organizationalUnit\nou: people\n`,
    account(WRITER),
    account(READER),
    ...Object.entries(people).map(
      ([name, uid]) =>
        `dn: uid=${name},${PEOPLE}\nobjectClass: account\nobjectClass: posixAccount\nuid: ${name}\ncn: ${name}\nuidNumber: ${uid}\ngidNumber: ${uid}\nhomeDirectory: /home/${name}\n`,
    ),
    `dn: cn=claw-users,${GROUPS}\nobjectClass: posixGroup\ncn: claw-users\ngidNumber: ${gid}\n${members.map(m => `memberUid: ${m}\n`).join('')}`,
    `dn: cn=claw-members,${GROUPS}\nobjectClass: groupOfNames\ncn: claw-members\n${members.map(m => `member: uid=${m},${PEOPLE}\n`).join('')}`,
    `dn: cn=claw-admins,${GROUPS}\nobjectClass: posixGroup\ncn: claw-admins\ngidNumber: ${gid + 1}\n`,
    // The same name outside of the groups' own subtree: never to be touched.
    `dn: ou=other,${BASE}\nobjectClass: organizationalUnit\nou: other\n`,
    `dn: cn=claw-users,ou=other,${BASE}\nobjectClass: posixGroup\ncn: claw-users\ngidNumber: 9999\n`,
  ].join('\n');

/** A directory with these people (name → uid), of whom these are in the groups already. */
export async function startSlapd(
  people: Record<string, number> = { alice: 41001, bob: 41002 },
  members = ['bob'],
  gid = 42000,
): Promise<Slapd> {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-slapd-'));
  const at = (name: string): string => join(dir, name);
  mkdirSync(at('db'));
  const tls = makeCertificates(dir);
  writeFileSync(at('slapd.conf'), configText(dir, tls), { mode: 0o600 });
  execFileSync('/usr/sbin/slapadd', ['-f', at('slapd.conf')], {
    input: content(people, members, gid),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const [port, tlsPort] = await ports();
  const url = `ldap://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    const urls = `${url}/ ldaps://127.0.0.1:${tlsPort}/`;
    const started = spawn('/usr/sbin/slapd', ['-f', at('slapd.conf'), '-h', urls, '-d', '0'], { stdio: 'ignore' });
    child = started;
    for (let end = performance.now() + 10_000; ; ) {
      if (await answers(port)) return;
      if (started.exitCode !== null || performance.now() > end)
        throw new Error(`slapd did not start (${started.exitCode})`);
      await new Promise(r => setTimeout(r, 10));
    }
  };
  const stop = async (): Promise<void> => {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise(done => running.once('exit', done));
    running.kill('SIGTERM');
    await gone;
  };
  const tool = (name: string, args: string[], input?: string): string =>
    execFileSync(`/usr/bin/${name}`, ['-x', '-H', url, '-D', ADMIN, '-w', PASSWORDS[ADMIN]!, ...args], {
      encoding: 'utf8',
      input: input ?? '',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  let files = 0;
  await start();
  return {
    dir,
    port,
    url,
    tlsUrl: `ldaps://127.0.0.1:${tlsPort}`,
    ca: tls.ca,
    passwordFile: (dn, password = PASSWORDS[dn]!) => {
      const file = at(`password-${++files}`);
      writeFileSync(file, `${password}\n`, { mode: 0o600 });
      return file;
    },
    values: (dn, attribute) =>
      [
        ...tool('ldapsearch', ['-LLL', '-o', 'ldif-wrap=no', '-b', dn, '-s', 'base', attribute]).matchAll(
          new RegExp(`^${attribute}: (.*)$`, 'gm'),
        ),
      ].map(m => m[1]!),
    modify: ldif => void tool('ldapmodify', [], ldif),
    start,
    stop,
    end: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise(done => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
