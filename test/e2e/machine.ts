/**
 * A machine of its own for a test: a real systemd as process 1 in namespaces of its own (processes, mounts, network, names,
 * control groups), over a copy-on-write view of this machine's files. Readmit is installed into it by its own script.
 * What systemd would change for the whole kernel (/proc/sys, modules, devices) is out of its reach.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const REPO = resolve(import.meta.dirname, '../..');
const NAMESPACES = [
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--ipc',
  '--uts',
  '--net',
  '--cgroup',
  '--propagation',
  'private',
];

/** Units that speak to the kernel of the whole machine, or to hardware. */
const MASKED = [
  ...[
    'systemd-sysctl',
    'systemd-remount-fs',
    'systemd-modules-load',
    'systemd-udevd',
    'systemd-udev-trigger',
    'systemd-random-seed',
  ].map(u => `${u}.service`),
  ...[
    'systemd-timesyncd',
    'systemd-logind',
    'systemd-binfmt',
    'systemd-hwdb-update',
    'kmod-static-nodes',
    'modprobe@',
  ].map(u => `${u}.service`),
  ...[
    'sys-kernel-debug',
    'sys-kernel-tracing',
    'sys-kernel-config',
    'sys-fs-fuse-connections',
    'dev-hugepages',
    'dev-mqueue',
  ].map(u => `${u}.mount`),
  ...['systemd-udevd-kernel.socket', 'systemd-udevd-control.socket', 'proc-sys-fs-binfmt_misc.automount'],
];

/** The view: $1 is a directory of ours. What is mounted here ends with the namespace. */
const VIEW = `set -e
b=$1; r=$b/root
mount -t tmpfs -o mode=755 tmpfs "$b"
mkdir "$b/upper" "$b/work" "$r"
mount -t overlay overlay -o "lowerdir=/,upperdir=$b/upper,workdir=$b/work" "$r"
mount -t proc proc "$r/proc"
mount --bind "$r/proc/sys" "$r/proc/sys"
mount -o remount,ro,bind "$r/proc/sys"
mount -t sysfs -o ro sysfs "$r/sys"
mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$r/dev"
for d in null zero full random urandom tty; do touch "$r/dev/$d"; mount --bind "/dev/$d" "$r/dev/$d"; done
mkdir "$r/dev/pts" "$r/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$r/dev/pts"
ln -s pts/ptmx "$r/dev/ptmx"
for d in dev/shm run tmp var/lib/readmit; do mkdir -p "$r/$d"; mount -t tmpfs -o mode=1777 tmpfs "$r/$d"; done
chmod 755 "$r/run" "$r/var/lib/readmit"
`;

/** Becomes process 1. $2 is the checkout, the rest the units to mask. */
const BOOT = `${VIEW}repo=$2; shift 2
for unit in "$@"; do ln -sf /dev/null "$r/etc/systemd/system/$unit"; done
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\nWants=dbus.socket\\nAllowIsolate=yes\\n' >"$r/etc/systemd/system/readmit-test.target"
: >"$r/etc/fstab"
echo machine >"$r/etc/hostname"
ip link set lo up
sh "$repo/deploy/install.sh" --root "$r" >/dev/null
cd "$r"
mkdir -p .old
pivot_root . .old
umount -l /.old
mount --make-rshared /
export container=readmit
exec /lib/systemd/systemd --system --unit=readmit-test.target --log-target=journal --show-status=no
`;

const cgroups = (): string => (existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup');

/** Why no machine can be booted here, or null. Tries it: mounts in a namespace, which are gone with it. */
export function whyNoMachine(): string | null {
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!existsSync('/lib/systemd/systemd')) return 'systemd is not installed here';
  for (const tool of ['ip', 'dbus-daemon', 'unshare', 'setpriv', 'nsenter', 'openssl'])
    try {
      execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
    } catch {
      return `${tool} is not installed here`;
    }
  const dir = mkdtempSync(join(tmpdir(), 'rdb-'));
  try {
    execFileSync('unshare', [...NAMESPACES, 'sh', '-c', VIEW, 'sh', dir], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 10_000,
    });
    const group = join(cgroups(), `rdb-${process.pid}`);
    mkdirSync(group);
    rmdirSync(group);
    return null;
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    return `namespaces, overlay or control groups are out of reach (${said.split('\n')[0]?.slice(0, 120)})`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export interface Said {
  code: number;
  out: string;
}

export class Machine {
  readonly #dir = mkdtempSync(join(tmpdir(), 'rdb-'));
  readonly #group = join(cgroups(), `rdb-${process.pid}-${Date.now()}`);
  #shell: ChildProcess | null = null;
  #init = 0;
  #said = '';

  async boot(): Promise<void> {
    mkdirSync(this.#group);
    // When the test itself is killed, the kernel ends the machine.
    const join_ = `echo $$ >"$1/cgroup.procs"; shift; exec setpriv --pdeathsig KILL "$@"`;
    const argv = [
      'sh',
      '-c',
      join_,
      'sh',
      this.#group,
      'unshare',
      ...NAMESPACES,
      'sh',
      '-c',
      BOOT,
      'sh',
      this.#dir,
      REPO,
      ...MASKED,
    ];
    const shell = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#shell = shell;
    for (const stream of [shell.stdout!, shell.stderr!])
      stream.on('data', chunk => (this.#said = `${this.#said}${chunk}`.slice(-4000)));
    await this.until('systemd has started', async () => {
      if (shell.exitCode !== null) throw new Error(`the machine ended with ${shell.exitCode}: ${this.#said}`);
      this.#init ||= Number(
        readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'utf8').trim().split(' ')[0] ?? 0,
      );
      if (!this.#init || readFileSync(`/proc/${this.#init}/comm`, 'utf8').trim() !== 'systemd') return false;
      return /running|degraded/.test((await this.run('systemctl', 'is-system-running')).out);
    });
  }

  /** A command as root on the machine. */
  run = (...argv: string[]): Promise<Said> =>
    new Promise(done => {
      const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
      execFile(
        'nsenter',
        ['--target', String(this.#init), '--all', '--', ...argv],
        { env, maxBuffer: 1 << 24, timeout: 60_000 },
        (error, out, err) =>
          done({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, out: `${out}${err}` }),
      );
    });

  /** The same, as a line for the shell; what fails is an error. */
  async sh(script: string): Promise<string> {
    const { code, out } = await this.run('sh', '-euc', script);
    if (code !== 0) throw new Error(`${script}\n→ ${code}: ${out}`);
    return out;
  }

  /** Writes a file there. */
  async put(path: string, text: string, mode = 0o644): Promise<void> {
    writeFileSync(`/proc/${this.#init}/root${path}`, text, { mode });
    await this.sh(`chmod ${mode.toString(8)} ${path}`);
  }

  /** Looks until it is so: waiting for the machine, not sleeping for luck. */
  async until<T>(what: string, look: () => Promise<T | null | false>, limitMs = 30_000): Promise<T> {
    for (const end = performance.now() + limitMs; ; ) {
      const found = await look();
      if (found) return found;
      if (performance.now() > end) {
        const journal = this.#init ? (await this.run('journalctl', '--no-pager', '-n', '60', '-o', 'cat')).out : '';
        throw new Error(`${what}: not within ${limitMs} ms\n${this.#said}\n${journal}`);
      }
      await new Promise(r => setTimeout(r, 100));
    }
  }

  /** With process 1 all others of its namespace end, and with the last one every mount. */
  async end(): Promise<void> {
    const shell = this.#shell;
    if (shell && shell.exitCode === null && shell.signalCode === null) {
      const gone = new Promise(done => shell.once('exit', done));
      shell.kill('SIGKILL');
      await gone;
    }
    const groups = execFileSync('find', [this.#group, '-depth', '-type', 'd'], { encoding: 'utf8' }).trim().split('\n');
    for (const group of groups) await this.#remove(group);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A control group can be removed once the kernel has buried its last process. */
  async #remove(group: string): Promise<void> {
    for (let tries = 0; ; tries++)
      try {
        return rmdirSync(group);
      } catch (error) {
        if (tries > 50) throw error;
        await new Promise(r => setTimeout(r, 50));
      }
  }
}
