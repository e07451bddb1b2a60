/**
 * The programs that we are measured against: how each is asked how often who was denied, and how its answer is read.
 * Those that are not installed are left out by name (`install-peers.sh` installs them).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from './measure.ts';

/** A log with its right answer. */
export interface Input {
  log: string;
  /** The same behind a syslog header. */
  syslog: string;
  rows: string;
  denials: number;
}

export interface Peer {
  name: string;
  argv: (input: Input) => string[];
  /** Does what it printed agree with the right answer, as far as it can be asked? */
  agrees: (printed: string, input: Input) => boolean;
  /** What it was asked: `all` is per user, address, both with endpoint, and lines; `count` only how many denials. */
  asked: 'all' | 'fields' | 'count';
  /** Reads less than a million lines a second: it gets a shorter file. */
  slow?: true;
}

const DENIAL = '^\\[WARNING\\] Unauthorized access attempt from [0-9a-f.:]+: user [^,]+, endpoint /[^ ]*$';
const HERE = import.meta.dirname;

const sorted = (text: string): string => text.trim().split('\n').sort().join('\n');
const sameRows = (printed: string, input: Input): boolean => sorted(printed) === input.rows;
const sameCount = (printed: string, { denials }: Input): boolean => Number(printed.trim()) === denials;
const rowsWith =
  (field: string) =>
  (printed: string, { denials }: Input): boolean =>
    printed.split('\n').filter(row => row.includes(field)).length === denials;

/** The rules of each, as its manual would have them written. */
const RULES = {
  'fail2ban.conf': `[Definition]
failregex = ^\\[WARNING\\] Unauthorized access attempt from <ADDR>: user <F-USER>[^,]+</F-USER>, endpoint /\\S*$
datepattern = {NONE}
`,
  'lognorm.rulebase': `version=2
rule=:[WARNING] Unauthorized access attempt from %ip:word% user %user:char-to:,%, endpoint %endpoint:word%
`,
  'denials.mtail': `counter denials by user, ip, endpoint
/${DENIAL.replace('from [0-9a-f.:]+', 'from (?P<ip>[0-9a-f.:]+)').replace('[^,]+', '(?P<user>[^,]+)').replace('/[^ ]*', '(?P<endpoint>\\/[^ ]*)')}/ {
  denials[$user][$ip][$endpoint]++
}
`,
  'patterndb.xml': `<patterndb version='5' pub_date='2026-01-01'><ruleset name='claw' id='1'><pattern>claw</pattern><rules>
<rule provider='bench' id='2' class='violation'><patterns><pattern>[WARNING] Unauthorized access attempt from @ESTRING:ip:: user @@ESTRING:user:,@ endpoint @ANYSTRING:endpoint@</pattern></patterns></rule>
</rules></ruleset></patterndb>
`,
  'count.pl': `my (%u, %i, %t);
while (<>) {
  chomp;
  next unless /^\\[WARNING\\] Unauthorized access attempt from ([0-9a-f.:]+): user ([^,]+), endpoint (\\/[^ ]*)$/;
  $u{$2}++; $i{$1}++; $t{"$2|$1|$3"}++;
}
print "U\\t$_\\t$u{$_}\\n" for keys %u; print "I\\t$_\\t$i{$_}\\n" for keys %i; print "T\\t$_\\t$t{$_}\\n" for keys %t; print "L\\t$.\\n";
`,
};

/** Those that are here, and the names of those that are not. Their rules are written into `dir`. */
export function findPeers(dir: string): { peers: Peer[]; missing: string[] } {
  const rules = join(dir, 'rules');
  mkdirSync(rules, { recursive: true });
  for (const [name, text] of Object.entries(RULES)) writeFileSync(join(rules, name), text);
  const limit = compiled(dir, 'limit');
  const all: (Peer & { needs: string })[] = [
    { name: 'C', needs: limit ?? 'gcc', argv: i => [limit!, i.log], agrees: sameRows, asked: 'all' },
    {
      name: 'mawk',
      needs: 'mawk',
      argv: i => ['mawk', '-f', join(HERE, 'count.awk'), i.log],
      agrees: sameRows,
      asked: 'all',
    },
    {
      name: 'perl',
      needs: 'perl',
      argv: i => ['perl', join(rules, 'count.pl'), i.log],
      agrees: sameRows,
      asked: 'all',
    },
    { name: 'grep -c', needs: 'grep', argv: i => ['grep', '-cE', DENIAL, i.log], agrees: sameCount, asked: 'count' },
    {
      name: 'ripgrep -c',
      needs: 'rg',
      argv: i => ['rg', '-c', '--no-config', DENIAL, i.log],
      agrees: sameCount,
      asked: 'count',
    },
    {
      name: 'lognormalizer',
      needs: 'lognormalizer',
      argv: i => ['sh', '-c', `exec lognormalizer -r "$1" -e json <"$2"`, 'sh', join(rules, 'lognorm.rulebase'), i.log],
      agrees: rowsWith('"endpoint"'),
      asked: 'fields',
      slow: true,
    },
    {
      name: 'mtail',
      needs: 'mtail',
      argv: i => [
        'mtail',
        '--one_shot',
        '--one_shot_format',
        'json',
        '--logs',
        i.log,
        '--progs',
        join(rules, 'denials.mtail'),
      ],
      agrees: (printed, { denials }) =>
        [...printed.matchAll(/"Value": (\d+),/g)].reduce((sum, m) => sum + Number(m[1]), 0) === denials,
      asked: 'fields',
      slow: true,
    },
    {
      name: 'syslog-ng patterndb',
      needs: 'pdbtool',
      argv: i => [
        'pdbtool',
        'match',
        '-p',
        join(rules, 'patterndb.xml'),
        '-f',
        i.syslog,
        '-T',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: syslog-ng's own macros
        '${user}|${ip}|${endpoint}\\n',
      ],
      agrees: rowsWith('|/'),
      asked: 'fields',
      slow: true,
    },
    {
      name: 'fail2ban-regex',
      needs: 'fail2ban-regex',
      argv: i => ['fail2ban-regex', i.log, join(rules, 'fail2ban.conf')],
      agrees: (printed, { denials }) => Number(/ (\d+) matched/.exec(printed)?.[1]) === denials,
      asked: 'fields',
      slow: true,
    },
  ];
  const here = ({ needs }: { needs: string }): boolean =>
    spawnSync('sh', ['-c', 'command -v "$1"', 'sh', needs], { stdio: 'ignore' }).status === 0;
  return { peers: all.filter(here), missing: all.filter(p => !here(p)).map(p => p.name) };
}

/** Reads the right answer of a generated log. */
export function inputOf(name: string, lines: number): Input {
  const { denials } = JSON.parse(readFileSync(`${name}.meta.json`, 'utf8')) as { denials: number };
  const rows = sorted(`${readFileSync(`${name}.answer.tsv`, 'utf8').trim()}\nL\t${lines}`);
  return { log: `${name}.log`, syslog: `${name}.syslog`, rows, denials };
}
