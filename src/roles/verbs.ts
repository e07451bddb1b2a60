/**
 * What the command line can ask a running `serve` for, over its control socket. Whoever can open the socket is root or
 * `serve`; a deed names the person whose key the command line could read.
 */
import { randomBytes } from 'node:crypto';
import type { Approvers } from '../approve/approvers.ts';
import { type Config, originOf } from '../config/config.ts';
import { INCIDENT_KINDS, NotFound, Refused, Retry, Usage } from '../incident.ts';
import type { Logger } from '../log.ts';
import { type AgentMessage, type ServeMessage, VoteSchema } from '../messages.ts';
import type { Vote } from '../plan.ts';
import {
  activeSilences,
  endMaintenance,
  endSilence,
  maintenance,
  saveSilence,
  startMaintenance,
} from '../store/desk-rows.ts';
import { record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import type { Sessions } from '../web/session.ts';
import type { Conductor } from './conduct/conductor.ts';
import { plainReason } from './conduct/reason.ts';
import type { Verb } from './control.ts';
import type { StoreDesk } from './desk/desk.ts';
import { checkedSilence } from './desk/marks.ts';
import { askForReport } from './reporting.ts';
import type { PostParts } from './tell/post.ts';
import { tokenVerbs } from './tokens.ts';

export interface VerbParts {
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

/** Every verb of the control socket, by name. */
export function controlVerbs(p: VerbParts): Record<string, Verb> {
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
    undo: ({ as, id, grant, reason }) =>
      desk.undo(
        person(text(as, 'as')),
        text(id, 'id'),
        grant === undefined ? undefined : text(grant, 'grant'),
        reason === undefined ? undefined : text(reason, 'reason'),
      ),
    retry: body => desk.retry(person(text(body.as, 'as')), text(body.id, 'id')),
    ends: body => {
      const until = body.until === null ? null : text(body.until, 'until');
      if (until !== null && Number.isNaN(Date.parse(until))) throw new Usage('until: a time, or null for good');
      return desk.endBy(person(text(body.as, 'as')), text(body.id, 'id'), until);
    },
    silence: body => {
      const who = operator(text(body.as, 'as'));
      const until = text(body.until, 'until');
      const reason = plainReason(text(body.reason, 'reason'));
      if (body.id !== undefined) return desk.silence(who, text(body.id, 'id'), until, reason);
      const matcher = body.matcher as Record<string, string>;
      if (!matcher || !Object.keys(matcher).length) throw new Usage('a silence needs an id or --match');
      if (matcher.kind !== undefined && !INCIDENT_KINDS.some(kind => kind === matcher.kind))
        throw new Usage(`kind=${matcher.kind}: one of ${INCIDENT_KINDS.join(', ')}`);
      const end = checkedSilence(now(), until, reason);
      return store.tx(() => {
        const id = saveSilence(store, now(), { matcher, until: end, author: who.name, reason });
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
          startMaintenance(store, now(), who.name, plainReason(text(body.reason, 'reason')));
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
    'sign-out': body => {
      const name = text(body.as, 'as');
      const ended = p.sessions.list(name).length;
      p.sessions.signOutEverywhere(name, `by ${text(body.by, 'by')} on the host`);
      return { name, ended };
    },
    // Root has changed the approvers file, which nobody here can: that is written down beside what people did.
    'approvers-changed': body => {
      const what = `${text(body.change, 'change')} in the approvers file`;
      store.tx(() => record(store, now(), { actor: `${text(body.by, 'by')} (operator)`, what }));
      return { recorded: true };
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
      askForReport(store, now(), 'operator', week, null, p.config.report.timezone);
      return { week, origin: originOf(p.config) };
    },
    status: () => desk.health(),
    ...tokenVerbs(p),
  };
}

/** Questions of the command line that wait for an agent's facts. */
const waiting = new Map<string, (facts: Extract<ServeMessage, { name: 'facts' }>['data']) => void>();
/** Gives an agent's facts to whoever asked for them; false when an incident did. */
export function answerWhy(request: string, data: Extract<ServeMessage, { name: 'facts' }>['data']): boolean {
  const answer = waiting.get(request);
  if (answer) answer(data);
  return request.startsWith('why-');
}
