/**
 * SELinux: its mode, how many denials it wrote of the scheduler in the last ten minutes, and whether what they complain
 * of still has the label it had then.
 */
import type { Fact } from '../../diagnosis.ts';
import { factMaker, failure, type Ground, messageOf, type Probe } from '../ground.ts';

export const selinux: Probe = {
  name: 'selinux',
  facts: [
    'selinux.mode',
    'selinux.denials',
    'selinux.last',
    'selinux.target',
    'selinux.path',
    'selinux.port',
    'selinux.label',
  ],
  needsUser: false,
  run: async (_subject, ground) => (await Promise.all([mode(ground), denials(ground)])).flat(),
};

async function mode(ground: Ground): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  try {
    const result = await ground.run(['getenforce']);
    const word = result.stdout.trim().toLowerCase();
    return ['enforcing', 'permissive', 'disabled'].includes(word)
      ? known('selinux.mode', word, 'getenforce')
      : unknown('selinux.mode', failure(result, ['getenforce']));
  } catch (error) {
    return unknown('selinux.mode', messageOf(error));
  }
}

async function denials(ground: Ground): Promise<Fact[]> {
  const { known, unknown } = factMaker(ground);
  const argv = ['ausearch', '-m', 'avc', '-ts', 'recent'];
  const source = `${argv.join(' ')} | grep ${ground.system.process}`;
  try {
    const result = await ground.run(argv);
    // Exit 1 with "<no matches>" is its way to say none; any other failure says nothing.
    if (result.code === 1 && `${result.stdout}${result.stderr}`.includes('<no matches>'))
      return [known('selinux.denials', 0, source)];
    if (result.code !== 0) return [unknown('selinux.denials', failure(result, argv))];
    const records = recordsOf(result.stdout, ground.system.process);
    const last = records.at(-1);
    const { count, label } = await stillLabelled(ground, records);
    return [
      known('selinux.denials', count, label ? `${source}; ${label.source}` : source),
      last?.time
        ? known('selinux.last', new Date(last.time).toISOString(), source)
        : unknown('selinux.last', 'no record has a time'),
      last ? known('selinux.target', last.target, source) : unknown('selinux.target', 'there is no record'),
      last?.path ? known('selinux.path', last.path, source) : unknown('selinux.path', 'no record names a path'),
      last?.port ? known('selinux.port', last.port, source) : unknown('selinux.port', 'the last one is of no port'),
      label ? known('selinux.label', label.value, label.source) : unknown('selinux.label', 'no label could be seen'),
    ];
  } catch (error) {
    return [unknown('selinux.denials', messageOf(error))];
  }
}

interface Refusal {
  time: number | null;
  path: string | null;
  /** A TCP port that it may not have. */
  port: string | null;
  /** What to call it: its path, its port, its bare name, or what kind of thing it is. */
  target: string;
  /** The label that the thing had when it was refused. */
  label: string | null;
}

/** The kernel cuts the names of processes off here. */
const LONGEST_COMM = 15;
const idOf = (line: string): string | null => line.match(/\baudit\(([\d.]+:\d+)\)/)?.[1] ?? null;

/** Refusals of this process that were carried out: of others, and where the mode only lets them be written, none. */
function recordsOf(text: string, process: string): Refusal[] {
  const lines = text.split('\n');
  return lines
    .filter(line => /\bdenied\b/.test(line) && !/\bpermissive=1\b/.test(line))
    .filter(line => line.includes(` comm="${process.slice(0, LONGEST_COMM)}"`))
    .map(line => {
      const time = Number.parseFloat(idOf(line) ?? '') * 1000;
      const beside = lines.filter(other => other !== line && idOf(other) !== null && idOf(other) === idOf(line));
      const path = pathOf(line, beside);
      const port = line.match(/\bname_(?:bind|connect) .*\b(?:src|dest)=(\d+) .*\btclass=tcp_socket\b/)?.[1] ?? null;
      const name = line.match(/\bname="([A-Za-z0-9._-]+)"/)?.[1];
      return {
        time: Number.isFinite(time) ? time : null,
        path,
        port,
        target: path ?? (port && `port ${port}/tcp`) ?? name ?? line.match(/\btclass=(\w+)/)?.[1] ?? 'something',
        label: line.match(/\btcontext=([A-Za-z0-9_:.,-]+)/)?.[1] ?? null,
      };
    });
}

/**
 * The path of what was refused: in the record itself, or in the event's own record of it, found by the inode. Only an
 * absolute path of plain characters: it goes into a command that somebody may copy.
 */
function pathOf(line: string, beside: string[]): string | null {
  const plain = (text: string | undefined): string | null => text?.match(/^\/[A-Za-z0-9._/-]+$/)?.[0] ?? null;
  const own = plain(line.match(/\b(?:path|name)="([^"]*)"/)?.[1]);
  const inode = line.match(/\bino=(\d+)\b/)?.[1];
  if (own || !inode) return own;
  const record = beside.find(other => /^type=PATH\b/.test(other) && other.match(/\binode=(\d+)\b/)?.[1] === inode);
  const name = record?.match(/\bname="([^"]*)"/)?.[1];
  const cwd = beside.find(other => /^type=CWD\b/.test(other))?.match(/\bcwd="([^"]*)"/)?.[1];
  return plain(name?.startsWith('/') || !cwd ? name : `${cwd}/${name}`);
}

const MOST_PATHS = 4;

/**
 * The records whose cause is still there: a thing that has another label now than when it was refused was mended since.
 * What can't be looked at counts.
 */
async function stillLabelled(
  ground: Ground,
  records: Refusal[],
): Promise<{ count: number; label: { value: string; source: string } | null }> {
  const paths = [...new Set(records.map(r => r.path).filter(p => p !== null))].slice(-MOST_PATHS);
  const now = new Map(await Promise.all(paths.map(async path => [path, await labelOf(ground, path)] as const)));
  const mended = (r: Refusal): boolean => {
    const label = r.path === null ? null : (now.get(r.path) ?? null);
    return label !== null && r.label !== null && label !== r.label;
  };
  const last = records.findLast(r => r.path !== null && now.get(r.path) != null && r.label !== null);
  return {
    count: records.filter(r => !mended(r)).length,
    label: last ? { value: now.get(last.path!)!, source: `stat -c %C ${last.path}` } : null,
  };
}

async function labelOf(ground: Ground, path: string): Promise<string | null> {
  try {
    const { code, stdout } = await ground.run(['stat', '-c', '%C', path]);
    const label = stdout.trim();
    return code === 0 && /^[A-Za-z0-9_]+(:[A-Za-z0-9_.,-]+){2,}$/.test(label) ? label : null;
  } catch {
    return null;
  }
}
