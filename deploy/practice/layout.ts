/**
 * Where everything of a practice cluster lies below its directory. The one list of paths: the scheduler, the client,
 * the causes and the set-up all take theirs from here.
 */
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The checkout this file belongs to. */
export const REPO = resolve(import.meta.dirname, '../..');
export const HOST = 'claw-head-01';
export const DOMAIN = 'practice.example';

export interface Layout {
  root: string;
  bin: string;
  home: string;
  proc: string;
  passwd: string;
  group: string;
  shadow: string;
  entitlements: string;
  addresses: string;
  config: string;
  tokenKey: string;
  client: string;
  approvers: string;
  keys: string;
  state: string;
  yaml: string;
  log: string;
  journal: string;
  audit: string;
  asked: string;
  directory: string;
  firewall: string;
  selinux: string;
  pipes: string;
  clock: string;
  jobs: string;
  broken: string;
  sessions: string;
  mail: string;
  run: string;
  units: string;
  ports: string;
  pid: string;
}

export function layoutOf(dir: string): Layout {
  const root = resolve(dir);
  const at = (...parts: string[]): string => join(root, ...parts);
  return {
    root,
    bin: at('bin'),
    home: at('home'),
    proc: at('proc'),
    passwd: at('etc/passwd'),
    group: at('etc/group'),
    shadow: at('etc/shadow'),
    entitlements: at('etc/entitlements.yaml'),
    addresses: at('etc/addresses.yaml'),
    config: at('etc/claw-scheduler/config.yaml'),
    tokenKey: at('etc/claw-scheduler/token.key'),
    client: at('etc/clw.json'),
    approvers: at('etc/readmit/approvers.yaml'),
    keys: at('keys'),
    state: at('state'),
    yaml: at('readmit.yaml'),
    log: at('var/log/claw-scheduler.log'),
    journal: at('var/log/journal/claw-scheduler.log'),
    audit: at('var/log/audit.log'),
    asked: at('var/log/asked.log'),
    directory: at('var/lib/directory'),
    firewall: at('var/lib/firewall'),
    selinux: at('var/lib/selinux'),
    pipes: at('var/lib/sss/pipes'),
    clock: at('var/lib/practice/clock-offset'),
    jobs: at('var/lib/claw-scheduler/jobs.json'),
    broken: at('var/lib/practice/broken.json'),
    sessions: at('var/lib/practice/sessions'),
    mail: at('var/mail'),
    run: at('run'),
    units: at('run/units'),
    ports: at('run/ports.json'),
    pid: at('run/demo.pid'),
  };
}

/**
 * The directory for unix sockets: DIR/run, or, where that would make a path of 108 bytes (the kernel's limit), a short
 * one that is remembered in DIR/run/sockets.
 */
export function socketDir(at: Layout): string {
  if (at.run.length <= 70) return at.run;
  const remembered = join(at.run, 'sockets');
  try {
    const dir = readFileSync(remembered, 'utf8').trim();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // Between two runs somebody else may have made a directory of that name.
    if (statSync(dir).uid === process.getuid?.()) return dir;
  } catch {}
  const runtime = process.env.XDG_RUNTIME_DIR;
  const base = runtime && runtime.length < 60 ? runtime : tmpdir();
  const dir = mkdtempSync(join(base.length < 60 ? base : '/tmp', 'claw-'));
  writeFileSync(remembered, `${dir}\n`);
  return dir;
}

/** The socket over which `systemctl` reaches the demo. */
export const controlSocket = (at: Layout): string => join(socketDir(at), 'practice.sock');

export interface Ports {
  scheduler: number;
  smtp: number;
  mailbox: number;
  proxy: number;
}

export const readPorts = (at: Layout): Ports => JSON.parse(readFileSync(at.ports, 'utf8')) as Ports;

/** Writes a file and the directories above it. */
export function put(file: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
}
