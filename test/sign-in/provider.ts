/** Starts the identity provider of `provider-process.mjs` and waits until it answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** @param people a JSON file, `sub` → claims; it is read at each request */
export async function startProvider(port: number, origin: string, people: string): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'provider-process.mjs');
  const child = spawn(process.execPath, [script, String(port), `${origin}/sign-in/provider/callback`, people]);
  let said = '';
  child.stderr.on('data', chunk => {
    said += chunk;
  });
  await new Promise<void>((ready, fail) => {
    child.stdout.once('data', () => ready());
    child.once('exit', code => fail(new Error(`the provider ended with ${code}: ${said}`)));
  });
  return child;
}
