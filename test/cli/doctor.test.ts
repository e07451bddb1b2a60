/** `readmit doctor` on an installation that is not finished: each thing to mend is told once, under its own name. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { schedulerConfig } from '../../src/cli/doctor/scheduler.ts';
import { loadConfig } from '../../src/config/config.ts';
import { record } from '../../src/store/journal.ts';
import { openStore } from '../../src/store/open.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const dir = mkdtempSync(join(tmpdir(), 'readmit-doctor-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function doctor(config: string) {
  const { code, out } = await new Promise<{ code: unknown; out: string }>(done =>
    execFile(process.execPath, [MAIN, 'doctor', '--json', '--config', config], { timeout: 30_000 }, (error, out) =>
      done({ code: error?.code, out }),
    ),
  );
  return { code, ...(JSON.parse(out) as { problems: number; findings: Record<string, string>[] }) };
}

it('without an approvers file: one problem, whatever rests on it', async () => {
  const config = join(dir, 'readmit.yaml');
  const approvers = join(dir, 'approvers.yaml');
  writeFileSync(
    config,
    `state: ${dir}/state\napprovers: ${approvers}\nredis: {socket: ${dir}/redis.sock}\npolicy: {proof: session}\n`,
  );
  const { code, problems, findings } = await doctor(config);
  expect(code).toBe(1);
  const about = findings.filter(f => f.what!.includes(approvers));
  expect(about.map(f => [f.check, f.level])).toEqual([['approvers', 'problem']]);
  expect(problems).toBe(findings.filter(f => f.level === 'problem').length);
});

it('a host that gives nobody a shell would be watched in vain, and says so', async () => {
  const commands = join(dir, 'bin');
  mkdirSync(commands);
  const listed = (name: string, shell: string, uid = 2001): string => `${name}:x:${uid}:100::/home/${name}:${shell}\n`;
  const nss = `${listed('carol', '/sbin/nologin')}${listed('dave', '/sbin/nologin')}`;
  writeFileSync(join(commands, 'getent'), `#!/bin/sh\nprintf '%s' '${nss}'\n`, { mode: 0o755 });
  writeFileSync(join(dir, 'passwd'), `${listed('alice', '/bin/bash')}${listed('daemon', '/usr/sbin/nologin', 2)}`);
  const config = join(dir, 'shells.yaml');
  const site = `state: ${dir}/state\npaths: {passwd: ${dir}/passwd, commands: [${commands}]}\n`;
  writeFileSync(config, site);
  const said = (findings: Record<string, string>[]) => findings.filter(f => f.check === 'people');
  expect(said((await doctor(config)).findings)).toEqual([
    {
      check: 'people',
      level: 'problem',
      what: expect.stringMatching(/^2 of 3 people have a shell .*carol \(\/sbin\/nologin\).*no incident/),
      todo: expect.stringContaining('watch.serviceShells: []'),
    },
  ]);
  writeFileSync(config, `${site}watch: {serviceShells: []}\n`);
  expect(said((await doctor(config)).findings)).toEqual([{ check: 'people', level: 'ok', what: '3 are listed' }]);
});

it('names the entry of the journal that was changed', async () => {
  mkdirSync(join(dir, 'state/serve'), { recursive: true });
  const store = openStore(join(dir, 'state/serve/readmit.db'));
  for (const what of ['one', 'two', 'three']) record(store, 0, { actor: 'root-ann', what });
  store.run("UPDATE journal SET after_json = '{' WHERE seq = 2");
  store.close();
  const config = join(dir, 'journal.yaml');
  writeFileSync(config, `state: ${dir}/state\n`);
  expect((await doctor(config)).findings.filter(f => f.check === 'journal')).toMatchObject([
    { level: 'problem', what: expect.stringMatching(/^entry 2: .*after_json/) },
  ]);
});

it('the configuration of the scheduler is read as the agent reads it: whether it is valid, and whom it lets in', async () => {
  const config = join(dir, 'scheduler.yaml');
  const file = join(dir, 'claw.yaml');
  writeFileSync(config, `state: ${dir}/state\nscheduler: {config: ${file}, standardGroup: claw-users}\n`);
  const said = () => schedulerConfig(loadConfig(config));
  // That it is missing is told once, among the files.
  expect(await said()).toEqual([]);
  for (const [text, level, what] of [
    ['auth:\n\tmode: groups\n', 'problem', `${file} is not valid: line 2: Tabs are not allowed as indentation`],
    ['auth: {mode: groups}\n', 'problem', `${file} is not valid: auth.authorized_groups: missing or not a list`],
    [
      'auth: {mode: groups, authorized_groups: [claw-users, hpc]}\n',
      'ok',
      `${file}: mode groups lets in claw-users, hpc`,
    ],
  ]) {
    writeFileSync(file, text!);
    expect(await said()).toMatchObject([{ level, what }]);
  }
  writeFileSync(file, 'auth: {mode: groups, authorized_groups: [hpc]}\n');
  expect(await said()).toMatchObject([
    { level: 'ok' },
    { level: 'note', what: 'scheduler.standardGroup is claw-users, which it does not let in' },
  ]);
  rmSync(file);
  mkdirSync(file);
  expect((await doctor(config)).findings.filter(f => f.check === 'scheduler')).toMatchObject([
    { level: 'problem', what: `${file}: not a regular file` },
  ]);
});

it('an entitlement file is read as the agent reads it, and what is wrong with it is named', async () => {
  const config = join(dir, 'entitled.yaml');
  const file = join(dir, 'entitlements.yaml');
  writeFileSync(config, `state: ${dir}/state\nentitlement: {file: ${file}}\n`);
  const said = async () => (await doctor(config)).findings.filter(f => f.check === 'entitlement');
  for (const [text, what] of [
    [null, `${file}: no such file`],
    ['{\n', `${file}: Flow map must end with a } at line 2, column 1`],
    ['claw-users: alice\n', `${file}: not of the form GROUP: [user, …]`],
  ] as [string | null, string][]) {
    if (text !== null) writeFileSync(file, text);
    expect(await said()).toEqual([{ check: 'entitlement', level: 'problem', what, todo: expect.any(String) }]);
  }
  writeFileSync(file, 'claw-users: [alice, bob]\nclaw-admins: [bob]\n');
  expect(await said()).toEqual([{ check: 'entitlement', level: 'ok', what: `${file} lists 2 people` }]);
  // Nobody waits for whoever may write to it.
  rmSync(file);
  execFileSync('mkfifo', [file]);
  expect(await said()).toMatchObject([{ level: 'problem', what: `${file}: not a regular file` }]);
});
