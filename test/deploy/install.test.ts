/** deploy/install.sh into a directory of its own: what is there afterwards, who may enter what, and who gets no answer. */
import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { Installed, isRoot, needsRoot, run, unitFiles } from './installed.ts';

let here: Installed;
beforeAll(async () => {
  here = await Installed.make();
  if (isRoot) await here.populate();
});
afterAll(() => here.end());

describe('what install.sh puts there', () => {
  it('a program that runs from there, with its own Node and without anything of the tests', async () => {
    expect(await here.readmit('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    const counted = await run(here.at('usr/bin/readmit'), ['scan', '--json', '/dev/null']);
    expect(JSON.parse(counted.out)).toMatchObject({ lines: 0 });
    for (const left of [
      'test',
      'deploy/practice',
      'node_modules/vitest',
      'node_modules/playwright-core',
      'node_modules/typescript',
    ])
      expect(existsSync(here.at('usr/share/readmit', left))).toBe(false);
  });

  it('the practice cluster stays in the checkout, and `demo` says so', async () => {
    const said = await here.readmit('demo');
    expect(said).toMatchObject({ code: 2, err: expect.stringContaining('checkout') });
  });

  it('nothing that anybody but its owner may write', async () => {
    const said = await run('find', [here.at('usr'), '-perm', '/022', '-not', '-type', 'l']);
    expect(said.out).toBe('');
    expect(statSync(here.at('usr/share/readmit/rules/openclaw/canary-job.yaml')).mode & 0o004).toBe(0o004);
  });

  it('units that systemd-analyze verify has nothing to say about', async () => {
    here.withSystemUnits();
    const said = await run('systemd-analyze', ['verify', '--man=no', `--root=${here.root}`, ...unitFiles()]);
    expect(`${said.out}${said.err}`).toBe('');
    expect(said.code).toBe(0);
  });

  it('a configuration that is in order, and fits the units', async () => {
    const file = here.at('etc/readmit/readmit.yaml');
    expect(await here.readmit('config', '--config', file)).toMatchObject({ code: 0 });
    const config = loadConfig(file);
    expect(config.redis.socket).toBe('/run/readmit/redis/redis.sock');
    expect(readFileSync(here.at('etc/readmit/redis.conf'), 'utf8')).toContain(`unixsocket ${config.redis.socket}\n`);
    expect(readFileSync(here.at('usr/lib/systemd/system/readmit-exec.socket'), 'utf8')).toContain(
      `ListenStream=${config.executor.socket}\n`,
    );
    expect(config.verify.through).toBe('systemd-run');
  });

  it('run again, it replaces the program and keeps what the site wrote', async () => {
    writeFileSync(here.at('etc/readmit/readmit.yaml'), 'host: ours\n');
    writeFileSync(here.at('etc/logrotate.d/claw-scheduler'), '# ours\n');
    writeFileSync(here.at('usr/share/readmit/src/left-over.ts'), '');
    expect(await here.install()).toMatchObject({ code: 0 });
    expect(readFileSync(here.at('etc/readmit/readmit.yaml'), 'utf8')).toBe('host: ours\n');
    expect(readFileSync(here.at('etc/logrotate.d/claw-scheduler'), 'utf8')).toBe('# ours\n');
    expect(existsSync(here.at('usr/share/readmit/src/left-over.ts'))).toBe(false);
    expect((await run('ls', [here.at('usr/share')])).out).toBe('readmit\n');
  });

  it('wrong usage ends with 2', async () => {
    expect((await run('sh', [`${import.meta.dirname}/../../deploy/install.sh`, '--prefix', '/nowhere'])).code).toBe(2);
  });
});

describe.skipIf(!isRoot)(needsRoot('who may enter what'), () => {
  const owner = (path: string): string => {
    const { uid, gid, mode } = lstatSync(here.at(path));
    const names = new Map([
      [0, 'root'],
      ...['readmit', 'readmit-agent', 'readmit-redis'].map(n => [here.identity(n).uid, n] as [number, string]),
    ]);
    return `${names.get(uid)}:${gid === 0 ? 'root' : names.get(gid)} ${(mode & 0o7777).toString(8)}`;
  };

  it('directories have the owners and modes that the parts rely on', () => {
    expect(owner('run/readmit/exec')).toBe('readmit-agent:root 770');
    expect(owner('run/readmit/redis')).toBe('readmit-redis:readmit-redis 750');
    expect(owner('var/lib/readmit/exec')).toBe('root:root 700');
    expect(owner('var/lib/readmit/serve')).toBe('readmit:readmit 700');
    expect(owner('var/lib/readmit/agent')).toBe('readmit-agent:readmit-agent 700');
    expect(owner('etc/readmit/keys')).toBe('root:root 700');
    expect(owner('etc/readmit/credentials')).toBe('root:root 700');
  });

  /** Connects to a socket as somebody and says one line: `open`, what was answered, or the error's code. */
  async function knock(who: Parameters<Installed['become']>[0], socket: string, say = ''): Promise<string> {
    const code = `const s = require('node:net').connect(${JSON.stringify(socket)});
      s.on('error', e => (console.log(e.code), process.exit()));
      s.on('connect', () => ${say ? `s.write(${JSON.stringify(`${say}\r\n`)})` : `(console.log('open'), process.exit())`});
      s.on('data', d => (console.log(String(d).split('\\r\\n')[0]), process.exit()));`;
    const argv = [...here.become(who), here.at('usr/share/readmit/node_modules/.bin/node'), '-e', code];
    return (await run(argv[0]!, argv.slice(1))).out.trim();
  }
  const NOBODY = { uid: 65534, gid: 65534, groups: [] };

  it('E13 nobody reaches Redis; its users do, and may not do it harm', async () => {
    const socket = here.at('run/readmit/redis/redis.sock');
    const conf = here.at('etc/readmit/redis-below.conf');
    // The same file, with its two places below our directory.
    writeFileSync(
      conf,
      readFileSync(here.at('etc/readmit/redis.conf'), 'utf8').replaceAll(/ (?=\/(run|var)\/)/g, ` ${here.root}`),
    );
    const redis = here.start([
      ...here.become(here.identity('readmit-redis')),
      here.at('usr/share/readmit/deploy/redis'),
      conf,
    ]);
    await new Promise<void>((ready, fail) => {
      let said = '';
      redis.stderr!.on('data', chunk => {
        said += chunk;
      });
      createInterface({ input: redis.stdout! }).on('line', line => {
        said += `${line}\n`;
        if (line.includes('ready to accept connections')) ready();
      });
      redis.once('exit', () => fail(new Error(`Redis ended: ${said}`)));
    });
    expect(await knock(NOBODY, socket)).toBe('EACCES');
    for (const user of ['readmit', 'readmit-agent'])
      expect(await knock(here.identity(user), socket, 'PING')).toBe('+PONG');
    for (const harm of [
      'FLUSHALL',
      'CONFIG SET dir /tmp',
      'SHUTDOWN',
      'REPLICAOF 192.0.2.1 6379',
      'GET somebody-elses',
      'ACL SETUSER x on',
    ])
      expect([harm, await knock(here.identity('readmit'), socket, harm)]).toEqual([
        harm,
        expect.stringMatching(/^-NOPERM/),
      ]);
    expect(await knock(here.identity('readmit'), socket, 'CONFIG GET maxmemory-policy')).toBe('*2');
  });

  it('E13 nobody and serve do not reach the executor; its agent does, root itself is a stranger', async () => {
    const socket = here.at('run/readmit/exec/exec.sock');
    const file = here.at('etc/readmit/exec-test.yaml');
    writeFileSync(here.at('etc/readmit/approvers.yaml'), 'approvers: []\n', { mode: 0o644 });
    writeFileSync(
      file,
      `state: ${here.at('var/lib/readmit')}\napprovers: ${here.at('etc/readmit/approvers.yaml')}\nexecutor: {socket: ${socket}}\n`,
    );
    const exec = here.start([here.at('usr/bin/readmit'), 'exec', '--config', file]);
    await new Promise<void>((ready, fail) => {
      exec.stdout!.once('data', () => ready());
      exec.once('exit', code => fail(new Error(`the executor ended with ${code}`)));
    });
    expect(await knock(NOBODY, socket)).toBe('EACCES');
    expect(await knock(here.identity('readmit'), socket)).toBe('EACCES');
    const ask = `const { orderExecutor } = await import(${JSON.stringify(here.at('usr/share/readmit/src/execute/client.ts'))});
      console.log(JSON.stringify(await orderExecutor(${JSON.stringify(socket)}, { v: 1, kind: 'status' }, { timeoutMs: 5000 }).catch(e => e.message)));`;
    const node = [here.at('usr/share/readmit/node_modules/.bin/node'), '--input-type=module', '-e', ask];
    const asAgent = [...here.become(here.identity('readmit-agent')), ...node];
    expect(JSON.parse((await run(asAgent[0]!, asAgent.slice(1))).out)).toMatchObject({ ok: true });
    expect(JSON.parse((await run(node[0]!, node.slice(1))).out)).toContain('went away without an answer');
  });
});
