/**
 * Breaking the practice cluster in one way and putting it right again: what `practice break` and `practice heal` do, one at
 * a time, for the command line and for tests alike.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type Broken, readBroken, writeBroken } from './broken.ts';
import { ABUSE } from './causes/abuse.ts';
import type { Cause, Ground } from './causes/cause.ts';
import { PERSONAL } from './causes/personal.ts';
import { SERVICE } from './causes/service.ts';
import { applyShared, touchesConfig } from './causes/shared-config.ts';
import type { Layout } from './layout.ts';
import { account } from './people.ts';
import { systemctl } from './systemctl.ts';

export const CAUSES: Record<string, Cause> = { ...PERSONAL, ...SERVICE, ...ABUSE };

const DEFAULT_USER = 'alice';

/** Wrong usage: exit 2. */
export class Wrong extends Error {}

export const usage = (): string =>
  `usage: practice break CAUSE [USER] | heal [CAUSE] [USER] | status [--json]\nCAUSE is one of: ${Object.keys(CAUSES).join(' ')}`;

function causeOf(name: string): Cause {
  const cause = Object.hasOwn(CAUSES, name) ? CAUSES[name] : undefined;
  if (!cause) throw new Wrong(`practice: no cause ${name}\n${usage()}`);
  return cause;
}

export function groundOf(at: Layout, user: string | null): Ground {
  const who = account(at, user ?? DEFAULT_USER);
  if (!who || who.uid < 1000) throw new Wrong(`practice: no user ${user} here`);
  return { at, who };
}

// ---------------------------------------------------------------- one at a time

/** Two that change the cluster at once would each undo the other's half: the second waits. */
export async function locked<T>(at: Layout, work: () => Promise<T>): Promise<T> {
  const lock = join(at.root, 'var/lib/practice/lock');
  mkdirSync(join(at.root, 'var/lib/practice'), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      const holder = readHolder(lock);
      if (holder !== null && !isAlive(holder)) rmSync(lock, { force: true });
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function readHolder(lock: string): number | null {
  try {
    return Number(readFileSync(lock, 'utf8')) || null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// ---------------------------------------------------------------- break, heal, status

export async function breakIt(at: Layout, name: string, user?: string, extra?: string): Promise<string> {
  const cause = causeOf(name);
  // Probing may be told from where; a user named there, as with every other cause, changes nothing of it.
  const from = name === 'probing' && user !== undefined && isIP(user) > 0 ? user : undefined;
  const g = groundOf(at, from === undefined ? (user ?? DEFAULT_USER) : null);
  const key = cause.hits === 'user' ? g.who.name : null;
  const same = (b: Broken): boolean => b.cause === name && b.user === key;
  if (readBroken(at).some(same)) {
    if (cause.holds?.(g)) return cause.said(g.who.name);
    await heal(at, name, key ?? undefined);
  }
  const others = readBroken(at);
  // Before anything is changed: without a running cluster the half of it would stay undone.
  await systemctl(at, 'refresh', 'sssd');
  const before = await cause.breakIt(g, name === 'probing' ? from : extra);
  if (cause.hits === 'nobody') return cause.said(g.who.name);
  const broken = [...others, { cause: name, user: key, since: new Date().toISOString(), before }];
  writeBroken(at, broken);
  if (touchesConfig(name)) await applyShared(at, broken);
  return cause.said(g.who.name);
}

/** Heals what is named, last broken first; everything when nothing is named. @returns what was healed */
export async function heal(at: Layout, name?: string, user?: string): Promise<Broken[]> {
  if (name) causeOf(name);
  if (user) groundOf(at, user);
  const chosen = readBroken(at).filter(
    b => (!name || b.cause === name) && (!user || b.user === null || b.user === user),
  );
  for (const b of chosen.toReversed()) {
    await causeOf(b.cause).heal(groundOf(at, b.user), b.before);
    writeBroken(
      at,
      readBroken(at).filter(other => other.cause !== b.cause || other.user !== b.user),
    );
  }
  if (chosen.some(b => touchesConfig(b.cause) || b.cause === 'scheduler-down')) await applyShared(at, readBroken(at));
  return chosen;
}
