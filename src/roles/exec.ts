/**
 * The executor: the only privileged part. It listens on one unix socket, takes signed orders from the agent, checks
 * everything by itself, and acts once. It reads no log, speaks to no network and knows no Redis.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadApprovers } from '../approve/approvers.ts';
import { judge } from '../approve/policy.ts';
import { commandRunner } from '../command.ts';
import { auditFile, type Config, inState, originOf } from '../config/config.ts';
import { environment } from '../environment.ts';
import { Accounts } from '../execute/accounts.ts';
import { Audit } from '../execute/audit.ts';
import { canaryPerson, loadCanary, runCanary } from '../execute/canary.ts';
import type { Head } from '../execute/chain.ts';
import { Ledger } from '../execute/ledger.ts';
import { correctTimes, grantsThisHour } from '../execute/limits.ts';
import type { Reply, Request } from '../execute/order.ts';
import { authorizedList } from '../execute/pack.ts';
import { removeStaleTemporaries } from '../execute/patch.ts';
import { clearStaleSocket, prepareDirectory } from '../execute/peer.ts';
import { acceptAudit, distrustOldVotes, recover } from '../execute/recovery.ts';
import type { Room } from '../execute/room.ts';
import { runOrder } from '../execute/run.ts';
import { type Door, openDoor } from '../execute/socket.ts';
import { Refused } from '../incident.ts';
import type { CanaryResult, Order } from '../messages.ts';
import type { Outcome } from '../plan.ts';

const IDLE_MS = 30_000;
/** The first file descriptor systemd hands over. */
const SYSTEMD_FD = 3;
/** Strangers can't fill the disk: so many are audited a minute, the rest is counted. */
const DROPS_PER_MINUTE = 30;
/** In the executor's directory: an administrator's decision to go on without a lost audit file. */
const AUDIT_DECISION = 'accept-audit';
const SHIPPED_RULES = join(import.meta.dirname, '..', '..', 'rules');

export interface ExecOptions {
  signal?: AbortSignal;
  now?: () => number;
  /** Called once orders are taken. */
  onListening?: () => void;
  /** systemd's own protocol: LISTEN_FDS and LISTEN_PID. */
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs until `signal` aborts, or, started by systemd on a socket, until nobody has come for 30 seconds.
 * A run that is under way is finished first.
 * @throws Refused when another executor is running, Usage when the socket's directory isn't safe
 */
export async function runExec(config: Config, options: ExecOptions = {}): Promise<void> {
  const { signal, now = Date.now, env = environment() } = options;
  const fd = env.LISTEN_FDS === '1' && env.LISTEN_PID === String(process.pid) ? SYSTEMD_FD : null;
  const room = openRoom(config, now);
  try {
    const problem = await settle(room);
    if (problem) complain('executor.not-ready', problem);
    const queues = { runs: inTurn(), canaries: inTurn() };
    const gone = Promise.withResolvers<void>();
    let timer: NodeJS.Timeout | undefined;
    const present = (connections: number): void => {
      clearTimeout(timer);
      if (fd !== null && connections === 0) timer = setTimeout(gone.resolve, IDLE_MS).unref();
    };
    if (fd === null) {
      const directory = join(config.executor.socket, '..');
      prepareDirectory(directory);
      await clearStaleSocket(config.executor.socket);
    }
    const dropped = auditDrops(room);
    const answer: Door['answer'] = (request, reply, isThere) => answerOne(request, reply, isThere, room, queues);
    const { socket: path, agentUid } = config.executor;
    const close = await openDoor({ path, agentUid, answer, dropped, present }, fd);
    present(0);
    signal?.addEventListener('abort', () => gone.resolve(), { once: true });
    if (signal?.aborted) gone.resolve();
    options.onListening?.();
    await gone.promise;
    clearTimeout(timer);
    await queues.runs(async () => {});
    close();
  } finally {
    room.audit.close();
    room.ledger.close();
  }
}

function openRoom(config: Config, now: () => number): Room {
  const ledger = new Ledger(inState(config, 'exec', 'ledger.db'));
  const memory = { known: () => ledger.auditKnown(), wrote: (head: Head) => ledger.auditWrote(head) };
  const audit = new Audit(auditFile(config), { now, memory });
  const run = commandRunner(config.paths.commands);
  const accounts = new Accounts(config, run);
  return {
    config,
    ledger,
    audit,
    accounts,
    run,
    now,
    sleep: ms => sleep(ms),
    listPath: () => authorizedList(config, SHIPPED_RULES),
    backups: inState(config, 'exec', 'backups'),
    // Looked up again for every order: a right that was taken away counts from then on.
    judge: (order: Order, at: number) =>
      judge(
        { ...order, expires: null },
        order.votes,
        loadApprovers(config.approvers),
        { ...config.policy, origin: originOf(config) },
        at,
      ),
  };
}

/** What a start has to put right. Returns what keeps it from acting: it then still answers, and says so. */
async function settle(room: Room): Promise<string | null> {
  try {
    const accepted = acceptAudit(room, inState(room.config, 'exec', AUDIT_DECISION));
    if (accepted) complain('audit.decision', accepted);
    room.audit.open();
    distrustOldVotes(room);
    const removed = removeStaleTemporaries(room.config.policy.files);
    if (removed.length > 0)
      room.audit.append({
        actor: 'readmit-exec',
        plan: null,
        what: 'temporaries.removed',
        before: { removed },
        after: null,
      });
    await recover(room);
    correctTimes(room);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

type Queues = Record<'runs' | 'canaries', ReturnType<typeof inTurn>>;

async function answerOne(
  request: Request,
  reply: (reply: Reply) => void,
  isThere: () => boolean,
  room: Room,
  queues: Queues,
): Promise<void> {
  switch (request.kind) {
    case 'run': {
      const outcome = await queues.runs<Outcome>(() => runOrder(request, room, started => reply({ started })));
      if (outcome.result === 'refused') complain('order.refused', outcome.detail);
      return reply({ outcome });
    }
    case 'shadow': {
      if (!(await room.accounts.person(request.user)))
        throw new Refused(`no-such-user: ${JSON.stringify(request.user)}`);
      return reply({ shadow: room.accounts.shadow(request.user, room.now()) });
    }
    case 'canary':
      return await queues.canaries(async () => {
        // Who waited in vain for its turn asks again: test jobs for nobody would only make the others wait longer.
        if (isThere()) reply({ canary: await canaryRound(request.user, room) });
      });
    case 'status':
      return reply({ status: await statusOf(room) });
    default:
      return request satisfies never;
  }
}

/** The audit entry comes first, as with every act. */
async function canaryRound(user: string, room: Room): Promise<CanaryResult> {
  const { accounts, audit, config, run } = room;
  const person = await canaryPerson(user, config, accounts);
  if (typeof person === 'string') return { user, ran: false, passed: false, detail: person, latencies: [] };
  const canary = loadCanary(config, SHIPPED_RULES);
  audit.append({
    actor: 'readmit-exec',
    plan: null,
    what: 'canary',
    before: null,
    after: { user: person.name, uid: person.uid, submits: config.verify.submits },
  });
  return await runCanary(person, canary, {
    run,
    sleep: room.sleep,
    submits: config.verify.submits,
    timeoutMs: config.executor.timeout * 1000,
    through: config.verify.through,
    commands: config.paths.commands,
  });
}

async function statusOf(room: Room): Promise<Extract<Reply, { status: unknown }>['status']> {
  const { audit, config, ledger } = room;
  let problem = '';
  try {
    audit.ready();
    loadApprovers(config.approvers);
  } catch (error) {
    problem = (error as Error).message;
  }
  const open = ledger.open().length;
  const { seq, digest: head } = audit.head;
  return {
    ok: problem === '',
    problem,
    pid: process.pid,
    audit: { file: audit.file, seq, head },
    grantsThisHour: grantsThisHour(room),
    grantsPerHour: config.policy.grantsPerHour,
    openRuns: open,
  };
}

/** Runs one after the other what is given to it: two orders never look at the world at the same time. */
function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return work => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
}

/** Audits strangers and lines that are no orders. What can't be audited is said on standard error. */
function auditDrops({ audit, now }: Room): (why: string, uid: number | null) => void {
  let minute = 0;
  let seen = 0;
  return (why, uid) => {
    const this_ = Math.floor(now() / 60_000);
    if (this_ !== minute) [minute, seen] = [this_, 0];
    seen++;
    complain('peer.dropped', why);
    if (seen > DROPS_PER_MINUTE) return;
    try {
      audit.append({
        actor: uid === null ? 'unknown' : `uid ${uid}`,
        plan: null,
        what: 'peer.dropped',
        before: null,
        after: { why, inThisMinute: seen },
      });
    } catch (error) {
      complain('audit.unwritable', (error as Error).message);
    }
  };
}

/** The executor's own log: one JSON line on standard error. */
function complain(event: string, why: string): void {
  process.stderr.write(`${JSON.stringify({ level: 'warn', part: 'exec', event, why })}\n`);
}
