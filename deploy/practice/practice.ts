/**
 * `practice break CAUSE [USER] | heal [CAUSE] [USER] | status [--json]`: breaks the practice cluster in one way, and puts
 * it right again. Started by DIR/bin/practice with DIR as its first argument.
 */
import { breakIt, CAUSES, groundOf, heal, locked, usage, Wrong } from './breaking.ts';
import { readBroken } from './broken.ts';
import { type Layout, layoutOf } from './layout.ts';

function status(at: Layout, json: boolean): string {
  const rows = readBroken(at).map(b => ({
    cause: b.cause,
    user: b.user,
    since: b.since,
    holds: CAUSES[b.cause]?.holds?.(groundOf(at, b.user)) ?? true,
  }));
  if (json) return JSON.stringify({ broken: rows });
  const line = (r: (typeof rows)[number]): string =>
    `${r.cause}${r.user ? ` ${r.user}` : ''}  since ${r.since}${r.holds ? '' : '  (mended meanwhile)'}`;
  return rows.map(line).join('\n') || 'Nothing is broken.';
}

async function run(at: Layout, verb: string | undefined, args: string[]): Promise<string> {
  switch (verb) {
    case 'break': {
      const [cause, user, extra] = args;
      if (!cause) throw new Wrong(usage());
      return await locked(at, () => breakIt(at, cause, user, extra));
    }
    case 'heal': {
      if (args.length > 2) throw new Wrong(usage());
      const healed = await locked(at, () => heal(at, args[0], args[1]));
      return healed.length
        ? `Healed: ${healed.map(b => [b.cause, b.user].filter(Boolean).join(' ')).join(', ')}`
        : 'Nothing was broken.';
    }
    case 'status':
      return status(at, args.includes('--json'));
    default:
      throw new Wrong(usage());
  }
}

const [dir = '', verb, ...args] = process.argv.slice(2);
try {
  process.stdout.write(`${await run(layoutOf(dir), verb, args)}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof Wrong ? 2 : 1;
}
