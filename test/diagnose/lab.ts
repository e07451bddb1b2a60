/** A small host in a temporary directory: real files, and commands that are small shell scripts. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { collect } from '../../src/diagnose/collect.ts';
import { type GroundOptions, realGround } from '../../src/diagnose/effects.ts';
import type { Fact } from '../../src/diagnosis.ts';

export interface Lab {
  dir: string;
  put(path: string, text: string, mode?: number): string;
  /** A command: the body of an sh script. */
  command(name: string, body: string): void;
  config(url?: string): Config;
  ask(
    user: string | null,
    options?: GroundOptions & { given?: Fact[]; probeMs?: number; off?: string[]; url?: string },
  ): Promise<Map<string, Fact>>;
  set(yaml: string): void;
  end(): void;
}

const TOOLS: Record<string, string> = {
  // The directory alone is what lies in `directory/`; a service that is not there finds nothing.
  getent: `dir=$(dirname "$0")/../etc; [ "$1" = -s ] && { dir=$(dirname "$0")/../directory; shift 2; }; db=$1; shift; code=0
for key in "$@"; do grep -s -- "^$key:" "$dir/$db" || code=2; done; exit $code`,
  id: `shift; awk -F: -v u="$1" '$1==u{print "yes"}' "$(dirname "$0")/../etc/passwd" | grep -q yes || { echo "id: no such user" >&2; exit 1; }
printf '%s' "$1"; awk -F: -v u="$1" '{n=split($4,m,",");for(i=1;i<=n;i++)if(m[i]==u)printf " %s",$1}' "$(dirname "$0")/../etc/group"; echo`,
  systemctl: 'case "$*" in *is-active*claw*) echo active;; *is-active*) echo inactive; exit 3;; *) exit 1;; esac',
  getenforce: 'echo Enforcing',
  ausearch: 'echo "<no matches>" >&2; exit 1',
  'firewall-cmd': 'echo yes',
};

export function startLab(): Lab {
  const dir = mkdtempSync(join(tmpdir(), 'diagnose-'));
  const put = (path: string, text: string, mode = 0o644): string => {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode });
    return file;
  };
  const command = (name: string, body: string): void =>
    chmodSync(put(`bin/${name}`, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`), 0o755);
  for (const [name, body] of Object.entries(TOOLS)) command(name, body);
  put(
    'etc/passwd',
    `root:x:0:0::/root:/bin/sh\nalice:x:2001:2001::${dir}/home/alice:/bin/sh\nbob:x:2002:2002::${dir}/home/bob:/bin/sh\n`,
  );
  put('etc/group', 'alice:x:2001:\nbob:x:2002:\nclaw-users:x:2500:bob\nclaw-admins:x:2600:\n');
  put('etc/config.yaml', 'auth:\n  mode: groups\n  authorized_groups:\n    - claw-users\n');
  mkdirSync(join(dir, 'proc'));
  mkdirSync(join(dir, 'home/alice/.claw'), { recursive: true });
  let yaml = '';
  const config = (url = 'http://127.0.0.1:1'): Config =>
    parseConfig(
      `paths: { passwd: ${dir}/etc/passwd, group: ${dir}/etc/group, proc: ${dir}/proc, commands: [${dir}/bin] }
scheduler: { config: ${dir}/etc/config.yaml, url: "${url}", userUrl: "https://claw-head-01:8080" }
${yaml}`,
      'readmit.yaml',
    );
  return {
    dir,
    put,
    command,
    config,
    set: more => {
      yaml = more;
    },
    ask: async (user, { given = [], probeMs = 5000, off = [], url = 'http://127.0.0.1:1', ...options } = {}) => {
      const facts = await collect(user, realGround(config(url), { limitMs: 5000, ...options }), given, {
        limitMs: probeMs,
        off,
      });
      return new Map(facts.map(f => [f.fact, f]));
    },
    end: () => rmSync(dir, { recursive: true, force: true }),
  };
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A token as the client caches it; the signature has the length that HS256 gives. */
export const tokenFile = (claims: unknown, signature = 'x'.repeat(43)): string =>
  `server: http://claw-head-01:8080\ntoken: "${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}.${signature}"\n`;

/** Facts by name, those that are unknown as undefined. */
export const values = (facts: Map<string, Fact>, ...names: string[]) =>
  Object.fromEntries(names.map(n => [n, facts.get(n)!.known ? facts.get(n)!.value : undefined]));
