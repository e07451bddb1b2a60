/**
 * Ending a child with everything it started, and telling processes apart for good: a number alone may belong to another
 * program by now, with its start it can't.
 */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const GRACE_MS = 2_000;

/** Asks, waits, then kills it with everything it started. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<'gone'>(resolve => child.once('exit', () => resolve('gone')));
  const family = descendants(child.pid);
  child.kill('SIGTERM');
  const late = new Promise<'late'>(resolve => setTimeout(() => resolve('late'), GRACE_MS).unref());
  if ((await Promise.race([gone, late])) === 'late') child.kill('SIGKILL');
  for (const { pid, started } of family) if (startOf(pid) === started) killQuietly(pid);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

/** When a process started, in ticks; with its number that names it for good. Null when it is gone. */
export function startOf(pid: number): string | null {
  try {
    return (
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? null
    );
  } catch {
    return null;
  }
}

function descendants(root: number): { pid: number; started: string | null }[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter(n => /^\d+$/.test(n)))
    try {
      parents.set(
        Number(name),
        Number(
          readFileSync(`/proc/${name}/stat`, 'utf8')
            .replace(/^.*\) /s, '')
            .split(' ')[1],
        ),
      );
    } catch {}
  const family: number[] = [root];
  for (const member of family) for (const [pid, parent] of parents) if (parent === member) family.push(pid);
  return family.slice(1).map(pid => ({ pid, started: startOf(pid) }));
}
