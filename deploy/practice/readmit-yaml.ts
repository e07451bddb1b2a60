/**
 * DIR/readmit.yaml: written once, then only the values that follow from ports and socket places are brought up to date,
 * each spliced in where it stands, so that everything else somebody edited stays as it is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isScalar, parseDocument } from 'yaml';
import { DOMAIN, HOST, type Layout, type Ports, socketDir } from './layout.ts';

type Value = string | number | null;

/** Paths into the file and the values that we own. */
function owned(at: Layout, web: number, ports: Ports, ipv6: boolean): [path: string[], value: Value][] {
  const sockets = socketDir(at);
  return [
    [['redis', 'socket'], join(sockets, 'redis.sock')],
    [['scheduler', 'url'], `http://127.0.0.1:${ports.scheduler}`],
    [['scheduler', 'userUrl'], `http://127.0.0.1:${ports.scheduler}`],
    [['scheduler', 'url6'], ipv6 ? `http://[::1]:${ports.scheduler}` : null],
    [['executor', 'socket'], join(sockets, 'exec/exec.sock')],
    [['web', 'listen'], `127.0.0.1:${web}`],
    [['mail', 'port'], ports.smtp],
  ];
}

const text = (value: Value): string => JSON.stringify(value);

function first(at: Layout, values: [string[], Value][]): string {
  const v = (section: string, key: string): string => text(values.find(([p]) => p[0] === section && p[1] === key)![1]);
  const q = (path: string): string => JSON.stringify(path);
  return `# Readmit's configuration for this practice cluster, made by \`readmit demo\`. Edit it; what you change stays.
host: ${HOST}
state: ${q(at.state)}
log:
  level: warn  # a terminal is no log file; info tells of every step
paths:
  passwd: ${q(at.passwd)}
  group: ${q(at.group)}
  shadow: ${q(at.shadow)}
  proc: ${q(at.proc)}
  commands: [${q(at.bin)}, /usr/sbin, /usr/bin, /sbin, /bin]
redis:
  socket: ${v('redis', 'socket')}
watch:
  log: ${q(at.log)}
scheduler:
  config: ${q(at.config)}
  url: ${v('scheduler', 'url')}
  url6: ${v('scheduler', 'url6')}
  userUrl: ${v('scheduler', 'userUrl')}
directory:
  canary: ldap-canary

entitlement:
  file: ${q(at.entitlements)}
detect:
  sharedAddresses: [192.168.1.3]  # the site's proxy
policy:
  proof: session  # no passkeys here: the page signs for whoever is signed in
  files: [${q(at.config)}]
  restartInterval: 5
approvers: ${q(at.approvers)}
keys: ${q(at.keys)}
executor:
  socket: ${v('executor', 'socket')}
verify:
  canary: user
  recheck: 1
  quiet: 1
web:
  listen: ${v('web', 'listen')}
mail:
  host: 127.0.0.1
  port: ${v('mail', 'port')}
  from: readmit@${DOMAIN}
  to: [root-ann@${DOMAIN}, root-ben@${DOMAIN}]
  userDomain: ${DOMAIN}
report:
  timezone: Europe/Berlin
  title: Access to the practice cluster
`;
}

/** Writes the file, or brings our values in it up to date. A file that does not parse is left for Readmit to complain about. */
export function writeReadmitYaml(at: Layout, web: number, ports: Ports, ipv6: boolean): void {
  const values = owned(at, web, ports, ipv6);
  if (!existsSync(at.yaml)) {
    writeFileSync(at.yaml, first(at, values));
    return;
  }
  let source = readFileSync(at.yaml, 'utf8');
  for (const [path, value] of values) {
    const doc = parseDocument(source);
    if (doc.errors.length) return;
    const node = doc.getIn(path, true);
    if (doc.getIn(path) === value) continue;
    // Mail that somebody sends elsewhere is theirs, and so is a page on another address.
    if (path[0] === 'mail' && doc.getIn(['mail', 'host']) !== '127.0.0.1') continue;
    if (isScalar(node) && node.range)
      source = source.slice(0, node.range[0]) + text(value) + source.slice(node.range[1]);
    else {
      doc.setIn(path, value);
      source = doc.toString();
    }
  }
  writeFileSync(at.yaml, source);
}
