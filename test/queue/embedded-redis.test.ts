/** Starting the Redis of `readmit up`: patience with one that works, none with one that is stuck or over. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startRedis } from '../../src/queue/embedded-redis.ts';
import { until } from '../watch/lab.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-redis-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A `redis-server` that runs this body, in which `serve(answer)` answers each PING with what `answer` returns. */
function server(body: string): void {
  const file = join(dir, 'redis-server');
  writeFileSync(
    file,
    `#!${process.execPath}
const { writeFileSync } = require('node:fs');
writeFileSync(${JSON.stringify(join(dir, 'pid'))}, String(process.pid));
const serve = answer => {
  const server = require('node:net').createServer(c => { c.on('error', () => {}); c.on('data', () => c.write(answer())); });
  server.listen(${JSON.stringify(join(dir, 'redis.sock'))});
};
${body}`,
  );
  chmodSync(file, 0o755);
}
const start = (silentMs: number) => startRedis(join(dir, 'redis.sock'), join(dir, 'redis'), null, dir, silentMs);
const gone = (): boolean => !existsSync(`/proc/${readFileSync(join(dir, 'pid'), 'utf8')}`);

test('one that is loading what it kept is waited for, however many times it says so', async () => {
  server(
    "serve(() => (performance.now() < 3000 ? '-LOADING Redis is loading the dataset in memory\\r\\n' : '+PONG\\r\\n'));",
  );
  // Loading takes longer than it may be silent.
  const child = await start(2000);
  expect(child.exitCode).toBeNull();
  child.kill('SIGKILL');
});

test('one that ends is told of at once, with what it said', async () => {
  server("console.error('Bad directive'); process.exit(1);");
  await expect(start(60_000)).rejects.toThrow(/redis-server ended at once: Bad directive/);
});

test('one that runs and says nothing is ended', async () => {
  server('setInterval(() => {}, 1000);');
  await expect(start(300)).rejects.toThrow(/does not answer on .*redis\.sock/);
  await until('it is gone', gone);
});
