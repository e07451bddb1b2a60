/** A port for a program that a test starts. */
import { createServer } from 'node:net';

/**
 * One of 127.0.0.1 that nobody has, from below those that the kernel gives away by itself: between now and the moment the
 * program listens, seconds on a busy machine, no other test's connection or server gets it by chance.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer();
    const free = await new Promise<boolean>(done => {
      probe.once('error', () => done(false));
      probe.listen(port, '127.0.0.1', () => done(true));
    });
    await new Promise(done => probe.close(done));
    if (free) return port;
  }
}
