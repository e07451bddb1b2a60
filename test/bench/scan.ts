/**
 * Scanning: us and every peer that is here on the same file in turns, after the answers were compared; then ten packs for
 * one, a packed file, and ten times the lines for the memory.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inTurns, type Ratio, run, type Timed, two } from './measure.ts';
import { findPeers, type Input, inputOf, type Peer } from './peers.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** Goals are ratios to these: they get all the pairs. */
const YARDSTICKS = ['C', 'mawk'];
const READMIT = join(ROOT, 'deploy/readmit');

export interface ScanOptions {
  /** Where inputs and programs lie meanwhile. */
  dir: string;
  measure: string;
  lines: number;
  pairs: number;
}

interface Answer {
  lines: number;
  users: { user: string; count: number }[];
  addresses: { ip: string; count: number }[];
  pairs: { user: string; ip: string; endpoints: Record<string, number> }[];
}

/** Our answer as the yardsticks give it: sorted rows. */
function rowsOf(json: string): string {
  const scan = JSON.parse(json) as Answer;
  return [
    ...scan.users.map(u => `U\t${u.user}\t${u.count}`),
    ...scan.addresses.map(a => `I\t${a.ip}\t${a.count}`),
    ...scan.pairs.flatMap(p => Object.entries(p.endpoints).map(([e, n]) => `T\t${p.user}|${p.ip}|${e}\t${n}`)),
    `L\t${scan.lines}`,
  ]
    .sort()
    .join('\n');
}

function generate(dir: string, lines: number, denials: number): Input {
  const name = join(dir, `${lines}-${denials}`);
  const argv = ['generate.mjs', '--out', name, '--lines', `${lines}`, '--denials', `${denials}`];
  execFileSync(process.execPath, argv, { cwd: import.meta.dirname, stdio: 'ignore' });
  return inputOf(name, lines);
}

/** @throws Error when our answer is not the right one: nothing is timed then */
function mustAgree(agrees: boolean, who: string, log: string): void {
  if (!agrees) throw new Error(`${who} gives another answer for ${log}`);
}

const ours = (...files: string[]): string[] => [READMIT, 'scan', '--json', ...files];

interface AgainstPeer {
  asked: Peer['asked'];
  agrees: boolean;
  theirs: Timed;
  wall: Ratio;
  cpu: Ratio;
}

/** Every number of this benchmark. Ratios are ours / theirs: below 1 we are faster. */
export function scanFigures(options: ScanOptions): Record<string, unknown> {
  const { dir, lines } = options;
  const found = findPeers(dir);
  const tenth = generate(dir, lines, 0.1);
  const most = generate(dir, lines, 0.9);
  const short = generate(dir, Math.ceil(lines / 10), 0.1);
  execFileSync('sh', ['-c', `sed 's/^/Nov 23 10:00:00 head claw: /' "$1" >"$2"`, 'sh', short.log, short.syslog]);
  return {
    missing: found.missing,
    '10 % denials': against(
      tenth,
      lines,
      found.peers.filter(p => !p.slow),
      options,
    ),
    '90 % denials': against(
      most,
      lines,
      found.peers.filter(p => !p.slow && p.asked === 'all' && p.name !== 'perl'),
      {
        ...options,
        pairs: Math.ceil(options.pairs / 2),
      },
    ),
    'slow peers, a tenth of the lines': against(
      short,
      Math.ceil(lines / 10),
      found.peers.filter(p => p.slow),
      {
        ...options,
        pairs: 3,
      },
    ),
    'ten packs for one': tenPacks(tenth, options),
    'gzip, against zcat | mawk': packed(tenth, options),
    'ten times the lines': tenTimes(tenth, lines, options),
  };
}

function against(input: Input, lines: number, peers: readonly Peer[], o: ScanOptions): Record<string, unknown> {
  const out = join(o.dir, 'out');
  const mine = (): Timed => run(o.measure, ours(input.log), out);
  mine();
  mustAgree(rowsOf(readFileSync(out, 'utf8')) === input.rows, 'readmit', input.log);
  const table: Record<string, AgainstPeer> = {};
  let own: Timed | null = null;
  for (const peer of peers) {
    run(o.measure, peer.argv(input), out);
    const agrees = peer.agrees(readFileSync(out, 'utf8'), input);
    const pairs = YARDSTICKS.includes(peer.name) ? o.pairs : Math.min(3, o.pairs);
    const { a, b, wall, cpu } = inTurns(pairs, mine, () => run(o.measure, peer.argv(input), out));
    own ??= a;
    table[peer.name] = { asked: peer.asked, agrees, theirs: b, wall, cpu };
  }
  own ??= mine();
  const { size } = statSync(input.log);
  return {
    lines,
    megabytesOfLog: Math.round(size / 1e6),
    readmit: own,
    megabytesPerSecond: Math.round(size / 1e6 / own.wall),
    millionLinesPerSecond: two(lines / 1e6 / own.wall),
    peers: table,
  };
}

/** Nine more packs, each with words of its own; asked through the same function as the command. */
function tenPacks(input: Input, o: ScanOptions): Record<string, unknown> {
  const packs = join(o.dir, 'packs');
  for (let n = 1; n < 10; n++) {
    const to = join(packs, `pack${n}`);
    mkdirSync(to, { recursive: true });
    cpSync(join(ROOT, 'rules/openclaw/logs.yaml'), join(to, 'logs.yaml'));
    const text = readFileSync(join(to, 'logs.yaml'), 'utf8');
    writeFileSync(join(to, 'logs.yaml'), text.replaceAll('openclaw', `pack${n}`));
  }
  const script = join(o.dir, 'scan-with.mjs');
  writeFileSync(
    script,
    `import { scan } from ${JSON.stringify(join(ROOT, 'src/roles/scan/scan.ts'))};\nprocess.exitCode = await scan([process.argv[2]], { json: true, rules: process.argv.slice(3) });\n`,
  );
  const out = join(o.dir, 'out');
  const one = (): Timed => run(o.measure, [process.execPath, script, input.log], out);
  const ten = (): Timed => run(o.measure, [process.execPath, script, input.log, packs], out);
  ten();
  mustAgree(rowsOf(readFileSync(out, 'utf8')) === input.rows, 'readmit with ten packs', input.log);
  const { a, b, wall, cpu } = inTurns(Math.min(5, o.pairs), ten, one);
  return { ten: a, one: b, wall, cpu };
}

function packed(input: Input, o: ScanOptions): Record<string, unknown> {
  const file = `${input.log}.gz`;
  execFileSync('sh', ['-c', 'gzip -1 -c "$1" >"$2"', 'sh', input.log, file]);
  const out = join(o.dir, 'out');
  const mine = (): Timed => run(o.measure, ours(file), out);
  mine();
  mustAgree(rowsOf(readFileSync(out, 'utf8')) === input.rows, 'readmit', file);
  const pipe = ['sh', '-c', 'zcat "$1" | mawk -f "$2"', 'sh', file, join(import.meta.dirname, 'count.awk')];
  const { a, b, wall, cpu } = inTurns(3, mine, () => run(o.measure, pipe, out));
  return { readmit: a, theirs: b, wall, cpu };
}

/** The same file ten times over is ten times the lines without a disk full of them. */
function tenTimes(input: Input, lines: number, o: ScanOptions): Record<string, unknown> {
  const large = join(o.dir, 'large.log');
  const text = readFileSync(input.log);
  for (let n = 0; n < 10; n++) appendFileSync(large, text);
  const once = run(o.measure, ours(input.log), join(o.dir, 'out'));
  const took = run(o.measure, ours(large), join(o.dir, 'out'));
  execFileSync('rm', [large]);
  return {
    lines: lines * 10,
    readmit: took,
    memoryForOne: Math.round(once.megabytes),
    megabytes: Math.round(took.megabytes),
  };
}
