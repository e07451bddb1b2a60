/**
 * A post office on a real store with a clock of its own, a real SMTP server and a real HTTP server at the other ends.
 * `stop` and `start` are what a crash and a restart are to it: everything that is not in the store is gone.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Approvers } from '../../src/approve/approvers.ts';
import { makeVote, publicKeyOf, signVote } from '../../src/approve/vote.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { planDigest } from '../../src/digest.ts';
import type { State } from '../../src/incident.ts';
import { type Mailer, makeMailer } from '../../src/notify/mail.ts';
import { otherAddresses } from '../../src/notify/routes.ts';
import type { Outcome, Plan, Step, Tier } from '../../src/plan.ts';
import { votesMissing } from '../../src/roles/conduct/polling.ts';
import { readingOnly } from '../../src/roles/desk/acts.ts';
import { StoreDesk } from '../../src/roles/desk/desk.ts';
import { Doorbell } from '../../src/roles/doorbell.ts';
import { renderedWeek } from '../../src/roles/reporting.ts';
import { retellDropped } from '../../src/roles/tell/dropped.ts';
import type { LetterParts } from '../../src/roles/tell/letter-parts.ts';
import { carriersOf } from '../../src/roles/tell/post.ts';
import { LookOut } from '../../src/roles/tell/reminders.ts';
import { tellRouted } from '../../src/roles/tell/telling.ts';
import { mailHealth, receiverHealth } from '../../src/roles/tell/told.ts';
import { endRun, savePlan, saveRun, saveVote } from '../../src/store/approvals.ts';
import { incident, move, openIncident, update } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { enqueue } from '../../src/store/outbox.ts';
import { type Hooks, hooks } from './hooks.ts';
import { smtp } from './smtp.ts';

/** A Monday. */
const NOON = Date.parse('2026-11-23T12:00:00Z');
export const MIN = 60_000;
export const HOUR = 60 * MIN;
const HOST = 'claw-head-01';

/** Who holds it makes no difference here. */
const KEY = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
export const APPROVERS = [
  { name: 'root-ann', uid: 2000, roles: ['administrator'], keys: [publicKeyOf(KEY)], passkeys: [] },
  { name: 'root-ben', uid: 2005, roles: ['administrator'], keys: [publicKeyOf(KEY)], passkeys: [] },
  { name: 'olga', uid: 2003, roles: ['operator'], keys: [publicKeyOf(KEY)], passkeys: [] },
  { name: 'alice', uid: 1001, roles: ['administrator'], keys: [publicKeyOf(KEY)], passkeys: [] },
];

export type Office = Awaited<ReturnType<typeof anOffice>>;

/** @param yaml of `notify`; `HOOK` is the address of the HTTP server, `DIR` a directory that `files` are in */
export async function anOffice(
  notify = '{}',
  o: { files?: Record<string, string>; mail?: string; perHour?: number; at?: number } = {},
) {
  const dir = mkdtempSync(join(tmpdir(), 'rdm-post-'));
  const box = await smtp();
  const hook: Hooks = await hooks();
  for (const [name, text] of Object.entries(o.files ?? {}))
    writeFileSync(join(dir, name), text.replaceAll('HOOK', hook.origin), { mode: 0o600 });
  const write = (text: string): Config =>
    parseConfig(
      `state: ${dir}\nhost: ${HOST}\nweb: {origin: "https://readmit.site.example"}\nreport: {timezone: UTC}\npolicy: {planLifetime: 2592000}\nnotify: ${text.replaceAll('HOOK', hook.origin).replaceAll('DIR', dir)}\nmail: ${o.mail ?? `{host: 127.0.0.1, port: ${box.port}, from: "readmit@site.example", to: [ops@site.example], userDomain: site.example, perHour: ${o.perHour ?? 30}}`}\n`,
      join(dir, 'readmit.yaml'),
    );
  let config = write(notify);
  let store: Store = openStore(join(dir, 'readmit.db'));
  let time = o.at ?? NOON;
  const now = () => time;
  let doorbell: Doorbell | null = null;
  let mailer: Mailer | null = null;
  let desk!: StoreDesk;
  let lookOut!: LookOut;

  let people: Approvers['approvers'] | Error = APPROVERS;
  const approvers = (): Approvers => {
    if (people instanceof Error) throw people;
    return { approvers: people, session: { keys: [] } };
  };
  let report: LetterParts['report'] = week => renderedWeek(store, config, now(), week, pino({ level: 'silent' }));

  /** Everything that a process holds is made anew. */
  function start(): void {
    mailer = makeMailer(config, { alsoTo: otherAddresses(config), deadlineMs: 3000 });
    desk = new StoreDesk(
      store,
      now,
      {
        ...readingOnly(i => votesMissing({ store, config, approvers, now }, i)),
        mail: () => mailHealth(store, doorbell?.failing.mail ?? null),
        receivers: () => receiverHealth(store, config),
      },
      'test',
    );
    const parts = {
      store,
      config,
      now,
      desk,
      mailer,
      approvers,
      report: (week: string) => report(week),
    };
    lookOut = new LookOut({ store, config, now, log: pino({ level: 'silent' }) });
    doorbell = new Doorbell(store, now, pino({ level: 'silent' }), carriersOf(parts));
    retellDropped(store, config, time);
  }
  /** As if it were killed: nothing is waited for. */
  function stop(): void {
    void doorbell?.stop();
    mailer?.close();
    store.close();
    store = openStore(join(dir, 'readmit.db'));
  }
  start();
  look();

  function look(): void {
    lookOut.look();
  }

  /** Rings until nothing is due, as `serve` does; what failed is due again later. */
  async function settle(): Promise<void> {
    look();
    const waits = () =>
      Number(store.get<{ n: number }>('SELECT count(*) AS n FROM outbox WHERE done IS NULL AND due <= ?', time)!.n);
    const until = Date.now() + 10_000;
    do {
      doorbell!.ring();
      await new Promise(done => setTimeout(done, 5));
      if (Date.now() > until) throw new Error(`still due: ${JSON.stringify(rows())}`);
    } while (waits() > 0);
  }

  const rows = () =>
    store.all<{ key: string; channel: string; result: string; done: number | null; attempts: number }>(
      'SELECT key, channel, result, done, attempts FROM outbox ORDER BY id',
    );

  return {
    dir,
    box,
    hook,
    rows,
    settle,
    now,
    get store() {
      return store;
    },
    get config() {
      return config;
    },
    get desk() {
      return desk;
    },
    /** The time goes on, looked at in steps as a running `serve` would. */
    async pass(ms: number, stepMs = ms): Promise<void> {
      for (let left = ms; left > 0; left -= stepMs) {
        time += Math.min(stepMs, left);
        await settle();
      }
    },
    /** Puts a row into the outbox as the other parts of `serve` do. */
    ask: (channel: 'mail' | 'webhook', key: string, payload: { incident?: string; [more: string]: unknown }): void =>
      void enqueue(store, time, { key, channel, incident: payload.incident ?? null, payload }),
    /** What stands in the approvers file, or why it can't be read. */
    approvers: (found: typeof people): void => {
      people = found;
    },
    report: (made: typeof report): void => {
      report = made;
    },
    /** Somebody sets the clock of the machine. */
    setClock(by: number): void {
      time += by;
    },
    /** A process that dies with all it knew, and one that starts; `notify` may have been edited between. */
    async restart(changed?: string): Promise<void> {
      stop();
      if (changed !== undefined) config = write(changed);
      start();
      await settle();
    },
    /** Dies in the middle of whatever it was at, `ms` after it began to ring. */
    async crash(ms: number): Promise<void> {
      look();
      doorbell!.ring();
      await new Promise(done => setTimeout(done, ms));
      stop();
      start();
      await settle();
    },
    propose: (key = 'alice', tier: 1 | 2 = 1) => propose(store, config, time, key, tier),
    go: (id: string, to: State, actor = 'readmit') =>
      store.tx(() => {
        move(store, time, id, incident(store, id).state, to, { actor, what: `went to ${to}` });
      }),
    change: (id: string, change: Parameters<typeof update>[3]) => update(store, time, id, change),
    vote: (id: string, by: string) => vote(store, time, id, by),
    /** What it proposes was carried out. */
    carriedOut: (id: string, result: Outcome['result'] = 'done') => carriedOut(store, time, id, result),
    subjects: () => box.mails.map(m => m.subject),
    async end(): Promise<void> {
      await doorbell?.stop();
      mailer?.close();
      store.close();
      await box.close();
      await hook.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function propose(store: Store, config: Config, now: number, key: string, tier: Tier): string {
  const kind = tier === 1 ? 'user' : 'service';
  return store.tx(() => {
    const { id } = openIncident(store, now, { kind, key, host: HOST, event: 'denied', because: 'denied', held: false });
    const argv = ['/usr/sbin/usermod', '-aG', 'claw-users', key];
    const step: Step =
      tier === 1
        ? { action: 'group.add', user: key, uid: 1001, group: 'claw-users', gid: 2001, until: null, argv }
        : {
            action: 'service.restart',
            unit: 'claw-scheduler',
            argv: ['/usr/bin/systemctl', 'restart', 'claw-scheduler'],
          };
    const core = {
      host: HOST,
      subject: tier === 1 ? { user: key, uid: 1001 } : null,
      steps: [step],
      undo: [],
      tier,
      assumes: {},
    };
    const plan: Plan = {
      ...core,
      serial: 1,
      incident: id,
      summary: tier === 1 ? `Adds ${key} to claw-users.` : 'Restarts claw-scheduler.',
      deed: tier === 1 ? `Add ${key} to claw-users` : 'Restart claw-scheduler',
      gains: tier === 1 ? [key] : [],
      loses: [],
      entitlement: null,
      notes: [],
      digest: planDigest(core),
      created: new Date(now).toISOString(),
      expires: new Date(now + 30 * 24 * HOUR).toISOString(),
      managedBy: null,
    };
    savePlan(store, now, plan);
    const cause = tier === 1 ? 'openclaw/missing-group' : 'openclaw/config-too-strict';
    move(
      store,
      now,
      id,
      'open',
      'proposed',
      { actor: 'readmit', what: 'proposed', plan: plan.digest },
      { plan, tier, cause },
    );
    tellRouted(store, config, now, id, 'alert', `alert-${id}`);
    return id;
  });
}

function carriedOut(store: Store, now: number, id: string, result: Outcome['result']): void {
  const { host, incident: of, serial, subject, tier, steps, undo, assumes, digest } = incident(store, id).plan!;
  const plan = { host, incident: of, serial, subject, tier, steps, undo, assumes, digest };
  const run = `${id}.${serial}.a-vote`;
  saveRun(store, now, { v: 1, kind: 'run', run, what: 'plan', ...plan, votes: [] });
  endRun(store, run, now, now, { result, detail: result, steps: [] });
}

function vote(store: Store, now: number, id: string, name: string): void {
  const { plan } = incident(store, id);
  const { uid } = APPROVERS.find(a => a.name === name)!;
  const unsigned = makeVote({ plan: plan!, by: { name, uid }, decision: 'approve', reason: '', proof: 'key', now });
  saveVote(store, now, signVote({ ...unsigned, id: `vote-${id}-${name}` }, KEY));
}
