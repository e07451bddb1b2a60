/**
 * `readmit serve`: takes in what agents saw, decides, asks people, keeps the truth. No privileges, no home directories,
 * no way to the executor. One straight line: each part is started, then the way to stop it is noted.
 */

import { Addresses } from '../addresses.ts';
import { type Config, inState } from '../config/config.ts';
import { loadCauses } from '../diagnose/causes.ts';
import { builtInPack, packDirs } from '../diagnose/effects.ts';
import { loadSystem } from '../diagnose/system.ts';
import type { State } from '../incident.ts';
import { type Logger, quietly } from '../log.ts';
import type { ToAgent } from '../messages.ts';
import { type AgentMessage, type ServeMessage, ToServe } from '../messages.ts';
import { userNames } from '../names.ts';
import { makeMailer } from '../notify/mail.ts';
import { otherAddresses, receivers } from '../notify/routes.ts';
import { hostQueue, receive, SERVE_QUEUE, Sender } from '../queue/queues.ts';
import { refusalOf } from '../refused-batch.ts';
import { loadPacks } from '../rules/pack.ts';
import { agentRows } from '../store/desk-rows.ts';
import { wakeIn } from '../store/incidents.ts';
import { committedPositions } from '../store/observations.ts';
import { openStore, type Store } from '../store/open.ts';
import { fold } from '../store/seen.ts';
import { VERSION } from '../version.ts';
import { startWeb } from '../web/start.ts';
import { afterCommits } from './after-commits.ts';
import { startAlarms } from './alarm.ts';
import { apiParts } from './api.ts';
import { approversReader, mailOf, sessionKeyReader } from './approvers.ts';
import { heard, startNoticing } from './blind.ts';
import { Approvals } from './conduct/approvals.ts';
import { Conductor } from './conduct/conductor.ts';
import { endBy, startEndings } from './conduct/endings.ts';
import { Intake } from './conduct/intake.ts';
import { controlSocket, serveControl, type Verb } from './control.ts';
import { actsOf } from './desk/acts.ts';
import { StoreDesk } from './desk/desk.ts';
import { detector } from './detector.ts';
import { type Carriers, Doorbell } from './doorbell.ts';
import { ReportPages } from './report-page.ts';
import { askForReport, renderedWeek, startReports } from './reporting.ts';
import { startRetention } from './retention.ts';
import { loadedRules } from './rules.ts';
import { settle } from './settled.ts';
import { signingIn } from './sign-in/ways.ts';
import { Teardown } from './teardown.ts';
import { retellDropped } from './tell/dropped.ts';
import { carriersOf, type PostParts } from './tell/post.ts';
import { startReminders } from './tell/reminders.ts';
import { channelOf } from './tell/telling.ts';
import { mailHealth, receiverHealth } from './tell/told.ts';
import { answerWhy, controlVerbs } from './verbs.ts';

/** The sums that pages read are brought up to date this often; a page that is asked for does it too. */
const FOLD_EVERY_MS = 1000;
/** The pause after a step that left some. Counting goes first: while there is much to be counted, a step a second is enough. */
const FOLD_ON_MS = 50;

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

    const mailer = makeMailer(config, { alsoTo: otherAddresses(config) });
    teardown.add('mail', () => mailer?.close());

    const behind = quietly(log, 'sums are behind');
    const sums = (): 'level' | 'behind' => {
      try {
        return fold(store);
      } catch (error) {
        // A full disk: the pages show older sums meanwhile.
        behind(error as Error);
        return 'level';
      }
    };
    const shared = new Addresses(config.detect.sharedAddresses);
    let doorbell: Doorbell | null = null;
    const desk = new StoreDesk(
      store,
      now,
      {
        ...actsOf(approvals),
        endBy: (person, id, until) => endBy({ store, config, now, log }, person, id, until),
        queue: () => ({ up: senderTo(config.host).up, detail: doorbell?.failing.job ?? 'no connection' }),
        mail: () => mailHealth(store, doorbell?.failing.mail ?? null),
        receivers: () => receiverHealth(store, config),
        fold: sums,
        shared: ip => shared.has(ip),
      },
      VERSION,
    );
    let folding: NodeJS.Timeout;
    const foldOn = (): void => {
      folding = setTimeout(foldOn, sums() === 'behind' && intake.atRest ? FOLD_ON_MS : FOLD_EVERY_MS);
    };
    teardown.add('sums', () => clearTimeout(folding));

    const names = userNames(config.userNames);
    const packs = loadPacks(packDirs(config), names);
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
      approvers,
      report: week => renderedWeek(store, config, now(), week, log),
    };
    const carriers: Carriers = {
      job: async row => {
        const { host, message } = row.payload as { host: string; message: AgentMessage };
        await send(host, message);
        if (message.name === 'execute') conductor.onSent(message.data.order.run);
        return 'sent';
      },
      ...carriersOf(post),
    };
    const mailed = new Set(receivers(config).flatMap(r => (r.type === 'mail' ? [channelOf(r.name)] : [])));
    doorbell = new Doorbell(store, now, log, carriers, (channel, inMs) => {
      if (mailed.has(channel)) mailer?.expect(inMs);
    });
    retellDropped(store, config, now());
    teardown.add('doorbell', () => doorbell!.stop());

    const ringAndTick = (): void => {
      doorbell!.ring();
      conductor.tick();
    };
    afterCommits(store, ringAndTick, ids => desk.changed(ids));

    const intake = new Intake({
      store,
      config,
      now,
      log,
      clusters: detector(config, packs),
      send,
      quiet: () => inbox.quiet(),
    });
    teardown.add('intake', () => intake.stop());
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
        onRefused: (name, reason, data) => {
          log.warn({ name, reason }, 'message refused');
          const refusal = name === 'batch' ? refusalOf(data, reason) : null;
          if (refusal) send(refusal.host, refusal.message).catch(quietly(log, 'refusal'));
        },
      },
    );
    teardown.add('inbox', () => inbox.close());
    intake.countParts();
    foldOn();

    const { sessions, ways } = signingIn({ store, config, now, log, approvers, approvals, desk });
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
          askForReport(
            store,
            now(),
            person.name,
            week,
            to === 'all' ? null : mailOf(config, approvers(), person.name),
            config.report.timezone,
          ),
        rules: loadedRules(packs, causes, names),
        api: apiParts({ store, config, now, approvers }),
        ways,
        notReady: () => (senderTo(config.host).up ? [] : ['redis']),
      },
    });
    teardown.add('web', () => web.stop());
    reportPages.warm();

    const reminders = startReminders({ store, config, now, log });
    teardown.add('reminders', () => reminders.stop());

    const endings = startEndings({ store, config, now, log });
    teardown.add('endings', () => endings.stop());

    const retention = startRetention({ store, config, now, log });
    teardown.add('retention', () => retention.stop());

    const noticing = startNoticing({ store, now, log });
    teardown.add('noticing', () => noticing.stop());

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
    ringAndTick();
    // What was on its way when the last serve ended may be lost: its agents need not wait until they miss an answer.
    for (const { host } of agentRows(store)) sendPositions(store, host, send).catch(quietly(log, 'positions'));
    const settled = settle();
    teardown.add('settled', () => settled.stop());
    process.stdout.write('ready\n');
    await new Promise<void>(done =>
      signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true }),
    );
  } finally {
    await teardown.run(log);
  }
}

interface Handling {
  store: Store;
  now: () => number;
  log: Logger;
  intake: Intake;
  conductor: Conductor;
  send(host: string, message: AgentMessage): Promise<void>;
}

const sendPositions = (store: Store, host: string, send: Handling['send']): Promise<void> =>
  send(host, { name: 'positions', data: { v: 1, sources: committedPositions(store, host) } });

/** States in which a host's agent owes an answer. */
const UNDER_WAY: readonly State[] = ['open', 'stale', 'approved', 'running', 'verifying', 'propagating'];

async function handle(message: ServeMessage, h: Handling): Promise<void> {
  const { store, now } = h;
  switch (message.name) {
    case 'hello':
      await sendPositions(store, message.data.host, h.send);
      // Whoever waited for an answer of that host asks again at once.
      wakeIn(store, now(), message.data.host, UNDER_WAY);
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
      return heard(store, now(), message.data);
    default:
      message satisfies never;
  }
}
