/** `readmit scan FILE…`: its own short argument reading, so that nothing is loaded that counting does not need. */
import { scan } from '../roles/scan/scan.ts';

const HELP = `Usage: readmit scan FILE… [--json] [--passwd FILE]

Counts denials in log files: users, addresses, pairs, and the incidents that would open.
FILE may be - (standard input) or end in .gz.

  --json         one JSON document on standard output
  --passwd FILE  who has an account (default: every name counts as one)
`;

export async function scanCommand(args: string[]): Promise<number> {
  const files: string[] = [];
  let json = false;
  let passwd: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--json') json = true;
    else if (arg === '--passwd' && args[i + 1]) passwd = args[++i];
    else if (arg === '--help' || arg === '-h') {
      process.stdout.write(HELP);
      return 0;
    } else if (arg.startsWith('-') && arg !== '-') {
      process.stderr.write(`readmit: scan: unknown option ${arg}\n${HELP}`);
      return 2;
    } else files.push(arg);
  }
  if (!files.length) {
    process.stderr.write(`readmit: scan: name at least one file\n${HELP}`);
    return 2;
  }
  return await scan(files, { json, ...(passwd ? { passwd } : {}) });
}
