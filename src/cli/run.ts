/**
 * Every command with its options and its help, and the one place where an error becomes an exit code:
 * 0 done, 1 found problems or refused, 2 wrong usage or config.
 */
import { Command, CommanderError, Option } from 'commander';
import { Usage } from '../incident.ts';
import { VERSION } from '../version.ts';
import { visible } from '../visible.ts';

/** The commands that go on until they are ended. */
const RUNS_ON = ['up', 'serve', 'agent', 'exec', 'demo'];

/** What a command's body returns: its exit code, 0 when nothing is said. */
type Body<A extends unknown[]> = (...args: A) => Promise<number | void>;

export async function run(argv: string[]): Promise<number> {
  let code = 0;
  const does =
    <A extends unknown[]>(body: Body<A>) =>
    async (...args: A): Promise<void> => {
      code = (await body(...args)) ?? 0;
    };
  // Whoever reads no further (`| head`) ends what only prints; what runs on needs nobody to listen.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`readmit: standard output can't be written: ${error.message}\n`);
      process.exit(1);
    }
    if (!RUNS_ON.includes(argv[2] ?? '')) process.exit(code);
  });
  const program = new Command('readmit')
    .description('Turns "access denied" in a cluster scheduler\'s log into an approved, verified fix.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: text => process.stderr.write(text) })
    .showHelpAfterError('(see readmit --help)')
    .addHelpText(
      'after',
      '\nExit: 0 done, 1 found problems or refused, 2 wrong usage or config.\nConfiguration: --config FILE, else READMIT_CONFIG, else /etc/readmit/readmit.yaml.',
    );

  const config = new Option('--config <file>', 'the configuration');
  const json = new Option('--json', 'one JSON document on standard output');
  const as = new Option('--as <name>', 'who you are: the key NAME.key signs the vote (default: your login)');
  const reason = new Option('--reason <text>', 'why');
  const add = (name: string, description: string): Command =>
    program.command(name).description(description).addOption(config);

  rolesCommands(add, does);
  inboxCommands(add, does, { json, as, reason });
  recordCommands(add, does, json);
  tokenCommands(program, does, json, config);
  approverCommands(program, does, json, config);
  program
    .command('scan')
    .description('count denials in log files: readmit scan FILE… [--json]')
    .allowUnknownOption()
    .argument('[files...]');
  rulesCommands(program, does, json, config);
  routesCommands(program, does, json, config);

  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return explain(error);
  }
}

type Add = (name: string, description: string) => Command;
type Does = <A extends unknown[]>(body: Body<A>) => (...args: A) => Promise<void>;

function rolesCommands(add: Add, does: Does): void {
  for (const [role, text] of [
    ['up', 'everything on this machine, with a Redis of its own'],
    ['serve', 'detect, diagnose, plan, approvals, page, mail, reports'],
    ['agent', 'watch the logs of this host and work its jobs'],
  ] as const)
    add(role, text).action(
      does(async (o: { config?: string }) => (await import('./roles.ts')).runRole(role, o.config)),
    );
  add('exec', 'the privileged executor of this host').action(
    does(async (o: { config?: string }) => (await import('./exec.ts')).execCommand(o.config)),
  );
  add('demo', 'the practice cluster with everything running, in a directory of its own')
    .option('--dir <dir>', 'where it lives', '.readmit/practice')
    .option('--port <port>', 'port of the page', '8420')
    .action(does(async (o: { dir: string; port: string }) => (await import('./demo.ts')).demo(o)));
  add('doctor', 'check config, permissions, Redis, SMTP, commands, clock')
    .option('--json', 'one JSON document on standard output')
    .action(does(async (o: { config?: string; json?: boolean }) => (await import('./doctor/doctor.ts')).doctor(o)));
  add('sign-in', 'print a one-time sign-in link for the page')
    .option('--as <name>', 'for whom (a name of the approvers file)')
    .option('--json', 'one JSON document on standard output')
    .action(
      does(async (o: { config?: string; as?: string; json?: boolean }) => (await import('./inbox.ts')).signIn(o)),
    );
  add('sign-out', 'end every session of somebody, in every browser')
    .requiredOption('--as <name>', 'whose')
    .option('--json', 'one JSON document on standard output')
    .action(
      does(async (o: { config?: string; as: string; json?: boolean }) => (await import('./inbox.ts')).signOut(o)),
    );
}

function inboxCommands(add: Add, does: Does, { json, as, reason }: Record<'json' | 'as' | 'reason', Option>): void {
  add('incidents', 'every incident, newest first')
    .addOption(json)
    .option('--open', 'only those where somebody still waits')
    .action(does(async o => (await import('./inbox.ts')).listIncidents(o)));
  add('show', 'one incident: diagnosis, plan, history')
    .argument('<id>')
    .addOption(json)
    .action(does(async (id, o) => (await import('./inbox.ts')).showIncident(id, o)));
  for (const decision of ['approve', 'deny'] as const)
    add(decision, decision === 'approve' ? 'approve the plan of an incident' : 'deny it, for good')
      .argument('<id>')
      .addOption(as)
      .addOption(reason)
      .option('--digest <prefix>', 'only if this still is the plan: how its digest begins, as `show` prints it')
      .addOption(json)
      .action(does(async (id, o) => (await import('./inbox.ts')).vote(decision, id, o)));
  add('undo', 'take back what Readmit changed for an incident')
    .argument('<id>')
    .addOption(as)
    .addOption(reason)
    .addOption(json)
    .action(does(async (id, o) => (await import('./inbox.ts')).undo(id, o)));
  add('retry', 'look anew at what failed or did not help, and offer again what would')
    .argument('<id>')
    .addOption(as)
    .addOption(json)
    .action(does(async (id, o) => (await import('./inbox.ts')).retry(id, o)));
  add('silence', 'mute an incident, or whatever matches; without arguments: list')
    .argument('[id]')
    .option('--for <duration>', 'how long, e.g. 30m, 8h, 2d', '8h')
    .option('--match <key=value...>', 'instead of an id: kind, key, cause, host (a trailing * matches the rest)')
    .option('--end <silence>', 'end a silence now')
    .addOption(as)
    .addOption(reason)
    .addOption(json)
    .action(does(async (id, o) => (await import('./inbox.ts')).silence(id, o)));
  add('why', 'why this user is refused, now')
    .argument('<user>')
    .addOption(json)
    .action(does(async (user, o) => (await import('./why.ts')).why(user, o)));
  add('plan', 'the plan of an incident, to run or file elsewhere')
    .argument('<id>')
    .addOption(new Option('--format <format>', 'how to write it').choices(['shell', 'ldif', 'ansible']))
    .option(
      '--until <when>',
      'before any vote, instead of --format: when the access is to end, e.g. 7d, 2026-12-01, or never',
    )
    .addOption(as)
    .addOption(json)
    .action(
      does(async (id, o) => {
        const { exportedPlan, planUntil } = await import('./inbox.ts');
        await (o.until === undefined ? exportedPlan(id, o) : planUntil(id, o));
      }),
    );
  add('maintenance', 'start | stop | status: hold incidents, widen nothing')
    .argument('<what>', 'start, stop or status')
    .addOption(as)
    .addOption(reason)
    .addOption(json)
    .action(does(async (what, o) => (await import('./inbox.ts')).maintenance(what, o)));
  add('access', 'every grant made through Readmit; `access revoke ID` takes one back')
    .argument('[what]', 'revoke')
    .argument('[id]')
    .addOption(as)
    .addOption(reason)
    .addOption(json)
    .action(does(async (what, id, o) => (await import('./inbox.ts')).access(what, id, o)));
}

function recordCommands(add: Add, does: Does, json: Option): void {
  add('report', 'the access report of a week')
    .option('--week <week>', 'ISO week that has begun, e.g. 2026-W47 (default: this week so far)')
    .option('--html', 'as a page')
    .option('--csv', 'the grants, denials and changes as CSV')
    .option('--send', 'mail it to report.to')
    .addOption(json)
    .action(does(async o => (await import('./report.ts')).report(o)));
  add('audit', 'verify | show: the hash chains of the journal and of the executor')
    .argument('<what>', 'verify or show')
    .option('--from <seq>', 'show from this entry on')
    .addOption(json)
    .action(does(async (what, o) => (await import('./audit.ts')).audit(what, o)));
  add('config', 'check the configuration, or print what it may hold')
    .option('--reference', 'every key with its default, as Markdown')
    .option('--schema', 'JSON Schema for editors')
    .action(does(async o => (await import('./reference.ts')).configCommand(o)));
}

function tokenCommands(program: Command, does: Does, json: Option, config: Option): void {
  const token = program.command('token').description('create | list | revoke: tokens for programs that use the API');
  token
    .command('create')
    .description('make one and print it, once')
    .requiredOption('--name <name>', 'what it is for')
    .requiredOption('--role <role>', 'viewer, operator or administrator')
    .option('--as <person>', 'whom it acts for (an operator or administrator token acts for a person)')
    .option('--expires <duration>', 'how long it works, e.g. 12h, 90d', '90d')
    .addOption(json)
    .addOption(config)
    .action(does(async o => (await import('./token.ts')).createToken(o)));
  token
    .command('list')
    .description('every token, what it may do and when it was last used')
    .addOption(json)
    .addOption(config)
    .action(does(async o => (await import('./token.ts')).listTokens(o)));
  token
    .command('revoke')
    .description('end a token now')
    .argument('<id>', 'its number or name')
    .addOption(json)
    .addOption(config)
    .action(does(async (id, o) => (await import('./token.ts')).revokeToken(id, o)));
}

function approverCommands(program: Command, does: Does, json: Option, config: Option): void {
  const approvers = program
    .command('approvers')
    .description('list | add | remove: who may vote, and with which passkeys');
  const passkey = (): Option =>
    new Option('--passkey <fingerprint>', 'SHA256:…, as its owner reads it from the page').makeOptionMandatory();
  approvers
    .command('list')
    .description('everybody in the approvers file, and passkeys that wait for root')
    .addOption(json)
    .addOption(config)
    .action(does(async o => (await import('./approvers.ts')).listApprovers(o)));
  approvers
    .command('add')
    .description("as root: let the votes of somebody's registered passkey count on this host")
    .argument('<name>')
    .addOption(passkey())
    .addOption(json)
    .addOption(config)
    .action(does(async (name, o) => (await import('./approvers.ts')).addPasskey(name, o)));
  approvers
    .command('remove')
    .description('as root: let them count no more')
    .argument('<name>')
    .addOption(passkey())
    .addOption(json)
    .addOption(config)
    .action(does(async (name, o) => (await import('./approvers.ts')).removePasskey(name, o)));
}

function rulesCommands(program: Command, does: Does, json: Option, config: Option): void {
  const rules = program.command('rules').description('check | explain | schema: the rules and their examples');
  rules
    .command('check')
    .description('run every example of every pack')
    .argument('[dirs...]', 'packs to check (default: all that are loaded)')
    .addOption(json)
    .addOption(config)
    .action(does(async (dirs, o) => (await import('./rules.ts')).check(dirs, o)));
  rules
    .command('explain')
    .description('which pattern takes a line, or where the nearest one stopped')
    .argument('<line>')
    .addOption(json)
    .addOption(config)
    .action(does(async (line, o) => (await import('./rules.ts')).explain(line, o)));
  rules
    .command('schema')
    .description('JSON Schema of rule files, for editors')
    .argument('<kind>', 'cause, logs or detect')
    .action(does(async kind => (await import('./rules.ts')).schema(kind)));
}

function routesCommands(program: Command, does: Does, json: Option, config: Option): void {
  program
    .command('routes')
    .description('test: who would be told of an alert, how and when')
    .command('test')
    .description('for an incident, or for an alert as the options describe it')
    .argument('[id]', 'an incident')
    .option('--cause <cause>', 'e.g. openclaw/missing-group')
    .option('--host <host>', 'default: this host')
    .option('--tier <tier>', '0, 1 or 2; default: none')
    .option('--kind <kind>', 'user (default), address or service')
    .option('--at <time>', 'at another time, for muteTimes')
    .addOption(json)
    .addOption(config)
    .action(does(async (id, o) => (await import('./routes.ts')).testRoutes(id, o)));
}

/** Says what went wrong; returns the exit code. */
export function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { name, message, stack } = error as Error;
  // What SQLite says is of the file and the disk, and no fault of the program's.
  const known =
    ['Usage', 'Refused', 'NotFound', 'Retry'].includes(name) ||
    (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR';
  process.stderr.write(
    `readmit: ${(known ? message : (stack ?? String(error))).split('\n').map(visible).join('\n')}\n`,
  );
  return error instanceof Usage ? 2 : 1;
}
