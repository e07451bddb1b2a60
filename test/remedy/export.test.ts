/** A plan for others to run: what a shell, a directory and Ansible read back is what the plan says, whatever it holds. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { sha256 } from '../../src/digest.ts';
import { Usage } from '../../src/incident.ts';
import type { Plan } from '../../src/plan.ts';
import { exportPlan } from '../../src/remedy/export.ts';
import { shellWord } from '../../src/shell-word.ts';
import { authorizeGroup } from '../../src/splice.ts';

const base: Omit<Plan, 'steps'> = {
  serial: 2,
  incident: '7',
  host: 'claw-head-01',
  subject: { user: 'alice', uid: 2001 },
  tier: 1,
  summary: 'Add alice to claw-users on claw-head-01',
  deed: 'Add alice to claw-users',
  undo: [],
  gains: ['alice'],
  loses: [],
  assumes: {},
  entitlement: null,
  notes: ['first line\nrm -rf /\r$(id)'],
  digest: 'd'.repeat(64),
  created: '',
  expires: '',
  managedBy: null,
};
const add: Plan = {
  ...base,
  steps: [
    {
      action: 'group.add',
      user: 'alice',
      uid: 2001,
      group: 'claw-users',
      gid: 2500,
      until: null,
      argv: ['usermod', '-aG', 'claw-users', 'alice'],
    },
  ],
};

function patching(file: string, text: string): Plan {
  const splice = authorizeGroup(text, 'claw-users', file);
  const step = {
    action: 'config.authorize-group',
    file,
    group: 'claw-users',
    before: sha256(text),
    after: sha256(splice.after),
    at: splice.at,
    insert: splice.insert,
    diff: splice.diff,
  } as const;
  return { ...base, steps: [step] };
}

it('a shell script runs the very argv; a note stays a comment', () => {
  const text = exportPlan(add, 'shell');
  expect(text.split('\n').filter(line => line && !line.startsWith('#'))).toEqual([
    'set -eu',
    'usermod -aG claw-users alice',
  ]);
  execFileSync('sh', ['-n'], { input: text });
});

it.each(["it's", '$(touch x)', '`id`', 'a b', '"', '\\', "'; rm -rf / #", '', 'ü', '*', '-n'])(
  'sh reads %j back as one word',
  word => {
    expect(execFileSync('sh', ['-c', `printf '<%s>' ${shellWord(word)}`], { encoding: 'utf8' })).toBe(`<${word}>`);
  },
);

it('the script patches the file it was made for, to the byte, and no other', () => {
  const dir = mkdtempSync(join(tmpdir(), 'export-'));
  try {
    const file = join(dir, "it's config.yaml");
    const text =
      "# don't touch: $HOME `id`\nauth:\n  mode: groups\n  authorized_groups:\n    - claw-admins  # ours\nend: 0123\n";
    writeFileSync(file, text);
    const plan = patching(file, text);
    execFileSync('sh', ['-s'], { input: exportPlan(plan, 'shell'), stdio: ['pipe', 'pipe', 'pipe'] });
    expect(readFileSync(file, 'utf8')).toBe(authorizeGroup(text, 'claw-users').after);
    const changed = readFileSync(file, 'utf8');
    expect(() =>
      execFileSync('sh', ['-s'], { input: exportPlan(plan, 'shell'), stdio: ['pipe', 'pipe', 'pipe'] }),
    ).toThrow();
    expect(readFileSync(file, 'utf8')).toBe(changed);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it('LDIF adds one value to one group', () => {
  const lines = exportPlan(add, 'ldif')
    .split('\n')
    .filter(line => !line.startsWith('#'));
  expect(lines.join('\n').trim()).toBe(
    'dn: cn=claw-users,ou=groups,BASE\nchangetype: modify\nadd: memberUid\nmemberUid: alice\n-',
  );
});

it('Ansible appends the group, and templates nothing', () => {
  const [play] = parse(exportPlan(add, 'ansible')) as [{ hosts: string; tasks: Record<string, unknown>[] }];
  expect(play.hosts).toBe('claw-head-01');
  expect(play.tasks[0]!['ansible.builtin.user']).toEqual({ name: 'alice', groups: ['claw-users'], append: true });
  const tricky = exportPlan(
    patching('/etc/c.yaml', 'auth:\n  mode: groups # {{ lookup(1) }}\n  authorized_groups:\n    - claw-admins\n'),
    'ansible',
  );
  expect(tricky).toMatch(/stdin: !unsafe/);
});

it('another format is a matter of usage', () => {
  expect(() => exportPlan(add, 'terraform')).toThrow(Usage);
});
