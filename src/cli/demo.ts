/** `readmit demo`: starts the practice cluster, which is no part of the product, and passes signals on. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ofOurs } from '../compiled.ts';
import { environment } from '../environment.ts';
import { Usage } from '../incident.ts';

export async function demo(o: { dir: string; port: string }): Promise<number> {
  const port = Number(o.port);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Usage(`--port ${o.port}: a number from 1 to 65535`);
  const practice = resolve(import.meta.dirname, '../../deploy/practice/demo.ts');
  if (!existsSync(practice))
    throw new Usage('the practice cluster is not installed with Readmit: run `npm start` in a checkout');
  const child = spawn(process.execPath, [practice, '--dir', resolve(o.dir), '--port', String(port)], {
    env: ofOurs(environment()),
    stdio: 'inherit',
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
  return await new Promise(done => child.on('exit', (code, signal) => done(code ?? (signal ? 0 : 1))));
}
