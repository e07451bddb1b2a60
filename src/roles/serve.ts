/**
 * `readmit serve`: takes in what agents saw, decides, asks people, keeps the truth. No privileges, no home directories,
 * no way to the executor. One straight line: each part is started, then the way to stop it is noted.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Approvers, loadApprovers } from '../approve/approvers.ts';
import { type Config, inState, originOf } from '../config.ts';
import { Addresses } from '../detect/address.ts';
import { Clusters } from '../detect/cluster.ts';
import { loadCauses } from '../diagnose/causes.ts';
import { builtInPack, packDirs } from '../diagnose/effects.ts';
import { loadSystem } from '../diagnose/system.ts';
import { NotFound, Refused, Retry, type State, Usage, type Vote } from '../incident.ts';
import { type Logger, quietly } from '../log.ts';
import type { ToAgent } from '../messages.ts';
import { type AgentMessage, type ServeMessage, ToServe, VoteSchema } from '../messages.ts';
import { makeMailer } from '../notify/mail.ts';
import { hostQueue, receive, SERVE_QUEUE, Sender } from '../queue/queues.ts';
import {
  activeSilences,
  agentRows,
  deleteSession,
  deleteSessionsOf,
  endMaintenance,
  endSilence,
  maintenance,
  markBlind,
  putSession,
  saveHealth,
  saveSilence,
  sessionRow,
  startMaintenance,
} from '../store/desk-rows.ts';
import { liveIncidents, wake } from '../store/incidents.ts';
import { record } from '../store/journal.ts';
import { committedPositions } from '../store/observations.ts';
import { openStore, type Store } from '../store/open.ts';
import { fold } from '../store/seen.ts';
import { VERSION } from '../version.ts';
import type { SessionRow } from '../web/session.ts';
import { Sessions } from '../web/session.ts';
import { startWeb } from '../web/start.ts';
import { startAlarms } from './alarm.ts';
import { apiParts } from './api.ts';
import { Approvals } from './conduct/approvals.ts';
import { Conductor } from './conduct/conductor.ts';
import { endBy, startEndings } from './conduct/endings.ts';
import { Intake } from './conduct/intake.ts';
import { controlSocket, serveControl, type Verb } from './control.ts';
import { StoreDesk } from './desk/desk.ts';
import { Doorbell } from './doorbell.ts';
import { mailCarrier, type PostParts, webhookCarrier } from './post.ts';
import { ReportPages } from './report-page.ts';
import { askForReport, renderedWeek, startReports } from './reporting.ts';
import { loadedRules } from './rules.ts';
import { Teardown } from './teardown.ts';
import { tokenVerbs } from './tokens.ts';

/** The sums that pages read are brought up to date this often; a page that is asked for does it too. */
const FOLD_EVERY_MS = 1000;

export async function serve(config: Config, log: Logger, signal: AbortSignal): Promise<void> {
  const now = Date.now;
  const teardown = new Teardown();
  try {
    const verbs: Record<string, Verb> = {};
    const control = await serveControl(controlSocket(config), verbs);
    teardown.add('control', () => control.close());

    const store = openStore(inState(config, 'serve', 'readmit.db'));
    teardown.add('store', () => store.close());

    const approvers = approversReader(config);
    approvers();
    const approvals = new Approvals(store, config, now, approvers, sessionKeyReader(config));

    const senders = new Map<string, Sender<typeof ToAgent>>();
    const senderTo = (host: string): Sender<typeof ToAgent> => {
      const known = senders.get(host);
      if (known) return known;
      const sender = new Sender<typeof ToAgent>(config.redis, hostQueue(host), quietly(log, 'redis sender'));
      senders.set(host, sender);
      return sender;
    };
    const send = (host: string, message: AgentMessage): Promise<void> => senderTo(host).send(message);
    for (const host of new Set([config.host, ...agentRows(store).map(a => a.host)])) senderTo(host);
    teardown.add('senders', () => Promise.all([...senders.values()].map(s => s.close())));

    const mailer = makeMailer(config.mail, { reportTo: config.report.to });
    teardown.add('mail', () => mailer?.close());

    const behind = quietly(log, 'sums are behind');
    const sums = (): void => {
      try {
        fold(store);
      } catch (error) {
        // A full disk: the pages show older sums meanwhile.
        behind(error as Error);
      }
    };
    const shared = new Addresses(config.detect.sharedAddresses);
    let doorbell: Doorbell | null = null;
    const desk = new StoreDesk(
      store,
      now,
      {
        vote: vote => approvals.vote(vote),
        signFor: (...a) => approvals.signFor(...a),
        undo: (person, id) => approvals.undo(person, id),
        retry: (person, id) => approvals.retry(person, id),
        endBy: (person, id, until) => endBy({ store, config, now, log }, person, id, until),
        needs: i => approvals.needs(i),
        queue: () => ({ up: senderTo(config.host).up, detail: doorbell?.failing.job ?? 'no connection' }),
        mail: () => ({ up: doorbell?.failing.mail == null, detail: doorbell?.failing.mail ?? '' }),
        fold: sums,
        shared: ip => shared.has(ip),
      },
      VERSION,
    );
    const folding = setInterval(sums, FOLD_EVERY_MS);
    teardown.add('sums', () => clearInterval(folding));

    const causes = loadCauses(packDirs(config));
    const conductor = new Conductor({
      store,
      config,
      now,
      log,
      causes,
      system: loadSystem(builtInPack(config.pack)),
      send,
    });
    teardown.add('conductor', () => conductor.stop());

    const post: PostParts = {
      store,
      config,
      now,
      desk,
      mailer,
      report: week => renderedWeek(store, config, now(), week, log),
    };
    doorbell = new Doorbell(store, now, log, {
      job: async row => {
        const { host, message } = row.payload as { host: string; message: AgentMessage };
        await send(host, message);
        if (message.name === 'execute') conductor.onSent(message.data.order.run);
        return 'sent';
      },
      mail: mailCarrier(post),
      webhook: webhookCarrier(post),
    });
    teardown.add('doorbell', () => doorbell!.stop());

    afterCommits(store, desk, () => {
      doorbell!.ring();
      conductor.tick();
    });

    const intake = new Intake({
      store,
      config,
      now,
      log,
      clusters: () => new Clusters(config.detect, { unit: config.scheduler.unit }),
      send,
    });
    let storeFault: string | null = null;
    const inbox = receive(
      config.redis,
      SERVE_QUEUE,
      ToServe,
      async message => {
        try {
          await handle(message, { store, now, log, intake, conductor, send });
          storeFault = null;
        } catch (error) {
          // Agents report every few seconds, so this is noticed soon.
          if ((error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR') storeFault = (error as Error).message;
          throw error;
        }
      },
      {
        concurrency: 1,
        onError: quietly(log, 'redis receiver'),
        onRefused: (name, reason) => log.warn({ name, reason }, 'message refused'),
      },
    );
    teardown.add('inbox', () => inbox.close());

    const sessions = new Sessions({
      store: {
        get: id => sessionRow<SessionRow>(store, id),
        put: row => putSession(store, now(), row),
        delete: id => deleteSession(store, id),
        deleteAll: name => deleteSessionsOf(store, name),
      },
      people: name => approvers().approvers.find(a => a.name === name) ?? null,
      config,
      now,
    });
    const reportPages = new ReportPages(store, inState(config, 'serve', 'readmit.db'), config, now, log);
    const web = await startWeb({
      config,
      desk,
      sessions,
      now,
      log,
      extra: {
        report: week => reportPages.page(week),
        reportFile: (week, format) => reportPages.file(week, format),
        sendReport: (person, week, to) =>
          askForReport(store, now(), person.name, week, to === 'all' ? null : mailOf(config, approvers(), person.name)),
        rules: loadedRules(packDirs(config), causes),
        api: apiParts({ store, config, now, approvers }),
        notReady: () => (senderTo(config.host).up ? [] : ['redis']),
      },
    });
    teardown.add('web', () => web.stop());
    reportPages.warm();

    const endings = startEndings({ store, config, now, log });
    teardown.add('endings', () => endings.stop());

    const reports = startReports(store, config, now, log);
    teardown.add('reports', () => reports.stop());

    let faults: string[] = [];
    const lookAtRedis = (): void =>
      void senderTo(config.host)
        .faults(config.redis)
        .then(found => {
          faults = found.map(f => f.what);
        })
        .catch(error => log.debug({ reason: (error as Error).message }, 'redis does not say how it is set up'));
    senderTo(config.host).onUp(lookAtRedis);
    if (senderTo(config.host).up) lookAtRedis();
    const alarms = startAlarms({
      store,
      config,
      now,
      log,
      health: () => desk.health(),
      redisFaults: () => faults,
      storeFault: () => storeFault,
    });
    teardown.add('alarms', () => alarms.stop());

    Object.assign(verbs, controlVerbs({ store, config, now, log, desk, approvers, sessions, post, conductor, send }));
    log.info({ address: web.address, version: VERSION }, 'serving');
    doorbell.ring();
    conductor.tick();
    process.stdout.write('ready\n');
    await new Promise<void>(done =>
      signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true }),
    );
  } finally {
    await teardown.run(log);
  }
}

/** Work after a commit runs once per turn of the event loop, however many commits there were. */
function afterCommits(store: Store, desk: StoreDesk, work: () => void): void {
  let planned = false;
  let seen = 0;
  const told = new Map<number, string>();
  store.onCommit = () => {
    if (planned) return;
    planned = true;
    setImmediate(() => {
      planned = false;
      work();
      const rows = store.all<{ id: number; updated: number; shown: string }>(
        `SELECT id, updated, json_array(state, cause, count, users, serial, inhibited_by, held, taken_by, title, note) AS shown
         FROM incident WHERE updated >= ? ORDER BY updated DESC LIMIT 200`,
        seen,
      );
      seen = Number(rows[0]?.updated ?? seen);
      // Most looks at an incident change nothing that a page shows; only what does is told.
      const fresh = rows.filter(r => told.get(r.id) !== r.shown);
      if (told.size > TOLD_KEPT) told.clear();
      for (const r of fresh) told.set(r.id, r.shown);
      if (fresh.length) desk.changed(fresh.map(r => String(r.id)));
    });
  };
}

/** Incidents of which it is remembered what the pages were told last. */
const TOLD_KEPT = 5000;

interface Handling {
  store: Store;
  now: () => number;
  log: Logger;
  intake: Intake;
  conductor: Conductor;
  send(host: string, message: AgentMessage): Promise<void>;
}

/** States in which a host's agent owes an answer. */
const UNDER_WAY: readonly State[] = ['open', 'stale', 'approved', 'running', 'verifying', 'propagating'];

async function handle(message: ServeMessage, h: Handling): Promise<void> {
  const { store, now } = h;
  switch (message.name) {
    case 'hello':
      await h.send(message.data.host, {
        name: 'positions',
        data: { v: 1, sources: committedPositions(store, message.data.host) },
      });
      // Whoever waited for an answer of that host asks again at once.
      for (const i of liveIncidents(store))
        if (i.host === message.data.host && UNDER_WAY.includes(i.state)) wake(store, now(), i.id);
      h.conductor.tick();
      return;
    case 'batch':
      return await h.intake.take(message.data);
    case 'facts':
      if (answerWhy(message.data.request, message.data)) return;
      return h.conductor.onFacts(message.data);
    case 'snapshot':
      return store.tx(() => h.conductor.onSnapshot(message.data));
    case 'outcome':
      return h.conductor.onOutcome(message.data);
    case 'verified':
      return h.conductor.onVerified(message.data);
    case 'health':
      return store.tx(() => {
        saveHealth(store, now(), message.data.host, message.data);
        for (const s of message.data.sources)
          if (s.kind === 'server')
            markBlind(
              store,
              now(),
              message.data.host,
              s.path,
              s.state === 'ok' || s.state === 'catching-up' ? null : s.why || s.state,
            );
      });
    default:
      message satisfies never;
  }
}

/** Questions of the command line that wait for an agent's facts. */
const waiting = new Map<string, (facts: Extract<ServeMessage, { name: 'facts' }>['data']) => void>();
function answerWhy(request: string, data: Extract<ServeMessage, { name: 'facts' }>['data']): boolean {
  const answer = waiting.get(request);
  if (answer) answer(data);
  return request.startsWith('why-');
}

/**
 * Where this approver gets mail: an address the configuration names, theirs by the approvers file or by its name; or the
 * site's domain. @throws Refused where there is none
 */
function mailOf(config: Config, { approvers }: Approvers, name: string): string {
  const { to, userDomain } = config.mail;
  const own = approvers.find(a => a.name === name)?.mail;
  const named = [...to, ...config.report.to].find(mail => mail === own || mail.split('@')[0] === name);
  const mail = named ?? (userDomain ? `${name}@${userDomain}` : null);
  if (mail === null)
    throw new Refused('no mail address of yours is in mail.to or report.to, and mail.userDomain is not set');
  return mail;
}

/** The approvers file, read anew when it changed on disk is not worth the race: it is small and read each time. */
const approversReader =
  (config: Config): (() => Approvers) =>
  () =>
    loadApprovers(config.approvers);

/** The key `serve` signs with for signed-in people. Made at the first start; its public half belongs in the approvers file. */
function sessionKeyReader(config: Config): () => string {
  const file = inState(config, 'serve', 'session.key');
  return () => {
    if (!existsSync(file)) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), {
        mode: 0o600,
      });
    }
    return readFileSync(file, 'utf8');
  };
}

interface ControlParts {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
  desk: StoreDesk;
  approvers: () => Approvers;
  sessions: Sessions;
  post: PostParts;
  conductor: Conductor;
  send(host: string, message: AgentMessage): Promise<void>;
}

const text = (value: unknown, what: string): string => {
  if (typeof value !== 'string' || value.length > 4096) throw new Usage(`${what}: a text`);
  return value;
};

function controlVerbs(p: ControlParts): Record<string, Verb> {
  const { store, now, desk } = p;
  const person = (name: string) => {
    const found = p.approvers().approvers.find(a => a.name === name);
    if (!found) throw new Refused(`${name} is not in ${p.config.approvers}`);
    return { name: found.name, uid: found.uid, roles: found.roles, since: now() };
  };
  /** Whoever opens the control socket runs this host. What only mutes or holds needs no role, and is written down by name. */
  const operator = (name: string) =>
    p.approvers().approvers.some(a => a.name === name)
      ? person(name)
      : { name: `${name} (operator)`, uid: -1, roles: [], since: now() };
  return {
    vote: body => {
      const vote = VoteSchema.safeParse(body);
      if (!vote.success)
        throw new Refused(`not a vote: ${vote.error.issues[0]?.path.join('.')}: ${vote.error.issues[0]?.message}`);
      if (vote.data.proof !== 'key') throw new Refused('the command line votes with a key');
      return desk.vote(vote.data as Vote);
    },
    undo: body => desk.undo(person(text(body.as, 'as')), text(body.id, 'id')),
    retry: body => desk.retry(person(text(body.as, 'as')), text(body.id, 'id')),
    ends: body => {
      const until = body.until === null ? null : text(body.until, 'until');
      if (until !== null && Number.isNaN(Date.parse(until))) throw new Usage('until: a time, or null for good');
      return desk.endBy(person(text(body.as, 'as')), text(body.id, 'id'), until);
    },
    silence: body => {
      const who = operator(text(body.as, 'as'));
      const until = text(body.until, 'until');
      const reason = text(body.reason, 'reason');
      if (body.id !== undefined) return desk.silence(who, text(body.id, 'id'), until, reason);
      const matcher = body.matcher as Record<string, string>;
      if (!matcher || !Object.keys(matcher).length) throw new Usage('a silence needs an id or --match');
      return store.tx(() => {
        const id = saveSilence(store, now(), { matcher, until: Date.parse(until), author: who.name, reason });
        record(store, now(), {
          actor: who.name,
          what: `silenced ${JSON.stringify(matcher)} until ${until}: ${reason}`,
        });
        return { id, matcher, until };
      });
    },
    silences: () => activeSilences(store, now()).map(s => ({ ...s, until: new Date(s.until).toISOString() })),
    'end-silence': body => {
      const who = operator(text(body.as, 'as'));
      return store.tx(() => {
        if (!endSilence(store, now(), text(body.silence, 'silence'))) throw new NotFound('no such silence');
        record(store, now(), { actor: who.name, what: `ended silence ${String(body.silence)}` });
        return { ended: true };
      });
    },
    maintenance: body => {
      const what = text(body.what, 'what');
      store.tx(() => {
        if (what === 'status') return;
        const who = operator(text(body.as, 'as'));
        if (what === 'start' && !maintenance(store)) {
          startMaintenance(store, now(), who.name, text(body.reason, 'reason'));
          record(store, now(), { actor: who.name, what: `maintenance started: ${String(body.reason)}` });
        } else if (what === 'stop' && endMaintenance(store, now())) {
          record(store, now(), { actor: who.name, what: 'maintenance ended' });
          store.run('UPDATE incident SET held = 0, due = ? WHERE held = 1', now());
        }
      });
      const on = maintenance(store);
      return on
        ? { on: true, since: new Date(on.started).toISOString(), author: on.author, reason: on.reason }
        : { on: false };
    },
    'sign-in': body => {
      const name = text(body.as, 'as');
      const url = p.sessions.issueLink(name);
      store.tx(() => record(store, now(), { actor: name, what: 'a one-time sign-in link was made on the host' }));
      return { url };
    },
    facts: async body => {
      const host = body.host === undefined ? p.config.host : text(body.host, 'host');
      const request = `why-${randomBytes(6).toString('hex')}`;
      const answer = new Promise<unknown>((resolve, reject) => {
        waiting.set(request, resolve);
        setTimeout(() => reject(new Retry(`the agent on ${host} did not answer in time`)), 3000);
      });
      try {
        await p.send(host, {
          name: 'probe',
          data: { v: 1, request, user: text(body.user, 'user'), until: now() + 3000 },
        });
        return await answer;
      } finally {
        waiting.delete(request);
      }
    },
    'send-report': body => {
      const week = text(body.week, 'week');
      askForReport(store, now(), 'operator', week, null);
      return { week, origin: originOf(p.config) };
    },
    status: () => desk.health(),
    ...tokenVerbs(p),
  };
}
