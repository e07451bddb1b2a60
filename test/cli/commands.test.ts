/** The command line and what the README says of it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

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

describe('readmit config', () => {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-config-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const said = (yaml: string): { code: number | null; err: string } => {
    const file = join(dir, 'readmit.yaml');
    writeFileSync(file, yaml);
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), 'config', '--config', file], {
      encoding: 'utf8',
    });
    return { code: status, err: stderr };
  };

  it('refuses what serve would refuse at its start', () => {
    for (const [listen, why] of [
      ['0.0.0.0:8420', /web\.listen: .* unencrypted/],
      ['127.0.0.1:99999', /web\.listen: ADDRESS:PORT/],
    ] as const) {
      const { code, err } = said(`web: { listen: "${listen}" }\n`);
      expect(err).toMatch(why);
      expect(code).toBe(2);
    }
    expect(said('web: { listen: "127.0.0.1:8420" }\n').code).toBe(0);
  });

  it('says what would be right, in words', () => {
    const { code, err } = said(
      'mail: { port: 0 }\ndetect: { sharedAddresses: [192.168.1.300], unknownThreshold: many }\nverify: { quiet: -1 }\n',
    );
    expect(code).toBe(2);
    expect(err).toMatch(/:1: mail\.port: a port, 1 to 65535/);
    expect(err).toMatch(/:2: detect\.sharedAddresses\.0: an address, or a network/);
    expect(err).toMatch(/:2: detect\.unknownThreshold: a number/);
    expect(err).toMatch(/:3: verify\.quiet: more than 0/);
  });
});

it('who reads only the first lines of an answer gets them, and no stack trace', async () => {
  const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'config', '--schema']);
  let err = '';
  child.stderr.on('data', chunk => {
    err += chunk;
  });
  // Nobody reads: the pipe is closed before the first word.
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

it.each([[], ['--send'], ['--csv']])('report of a week that is none says so and is wrong usage: %j', (...more) => {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-cli-'));
  try {
    const file = join(dir, 'readmit.yaml');
    writeFileSync(file, `state: ${dir}\n`);
    const args = [join(ROOT, 'src/main.ts'), 'report', '--config', file, '--week', '2026-W99', ...more];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).toBe(
      'readmit: "2026-W99" is no ISO week; write YEAR-Wnn, like 2026-W47 (only some years have a W53)\n',
    );
    expect(status).toBe(2);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
