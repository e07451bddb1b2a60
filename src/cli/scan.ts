/** `readmit scan FILE…`: its own short argument reading, so that nothing is loaded that counting does not need. */
import { Usage } from '../incident.ts';
import type { UserNameSettings } from '../names.ts';
import { scan, writeAll } from '../roles/scan/scan.ts';

const HELP = `Usage: readmit scan FILE… [--json] [--passwd FILE] [--config FILE]

Counts denials in log files: users, addresses, pairs, and the incidents that would open.
FILE may be - (standard input), a pipe, or packed by gzip. What stands behind -- is a FILE even with a dash before it.

  --json         one JSON document on standard output
  --passwd FILE  who has an account (default: every name counts as one)
  --config FILE  how people are called: userNames of this readmit.yaml (default: usual names)
`;

export async function scanCommand(args: string[]): Promise<number> {
  const files: string[] = [];
  let json = false;
  let passwd: string | undefined;
  let config: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      files.push(...args.slice(i + 1));
      break;
    }
    if (arg === '--json') json = true;
    else if (arg === '--passwd' && args[i + 1]) passwd = args[++i];
    else if (arg === '--config' && args[i + 1]) config = args[++i];
    else if (arg === '--help' || arg === '-h') {
      return await writeAll([HELP]);
    } else if (arg.startsWith('-') && arg !== '-') {
      process.stderr.write(`readmit: scan: unknown option ${arg}\n${HELP}`);
      return 2;
    } else files.push(arg);
  }
  if (!files.length) {
    process.stderr.write(`readmit: scan: name at least one file\n${HELP}`);
    return 2;
  }
  const names = config ? await namesOf(config) : {};
  return names ? await scan(files, { json, ...(passwd ? { passwd } : {}), ...names }) : 2;
}

/** A configuration is only read when it is named: reading one takes longer than counting a small file. */
async function namesOf(file: string): Promise<{ names: UserNameSettings } | null> {
  const { loadConfig } = await import('../config/config.ts');
  try {
    return { names: loadConfig(file).userNames };
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    process.stderr.write(`${error.message}\n`);
    return null;
  }
}
