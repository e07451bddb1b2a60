/** The command line and what the README says of it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

it('the README lists the commands that --help lists, and no other', () => {
  const help = execFileSync(process.execPath, [join(ROOT, 'src/main.ts'), '--help'], { encoding: 'utf8' });
  const commands = [...help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+)\b/gm)].map(m => m[1]!);
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const table = /\n## The command line\n([\s\S]*?)\n## /.exec(readme)![1]!;
  const told = [...table.matchAll(/^\| (`.*?) \| /gm)].flatMap(row =>
    [...row[1]!.matchAll(/`([a-z-]+)/g)].map(m => m[1]!),
  );
  expect(told.sort()).toEqual(commands.filter(name => name !== 'help').sort());
});
