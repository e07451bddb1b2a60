/** Sentences about an incident, for people: what is the matter, and what happens next. Pure. */
import type { IncidentLine } from '../../store/incident-lines.ts';
import type { IncidentRecord } from '../../store/incidents.ts';

/** `alice can't submit jobs: not in claw-users`; before a diagnosis, what was seen. */
export function headlineOf(i: Pick<IncidentLine, 'title' | 'kind' | 'key' | 'count' | 'users'>): string {
  if (i.title) return i.title;
  // What a greater incident explains is counted there.
  const times = i.count === 0 ? '' : i.count === 1 ? ' once' : ` ${i.count} times`;
  if (i.kind === 'address') return `${i.key} was refused with ${i.users} different names`;
  if (i.kind === 'service')
    return i.users > 1 ? `${i.users} people were refused by ${i.key}` : `${i.key} does not serve its users`;
  return `${i.key} was refused${times}`;
}

const inWords = (ms: number): string => {
  const s = Math.round(ms / 1000);
  return s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
};

/** When it is looked at again; nothing where only an event wakes it. Seconds are not counted down in a sentence. */
function lookedAtAgain(due: number | null, now: number): string {
  if (due === null) return '';
  return due - now < 90_000 ? ' Readmit keeps looking at it.' : ` It is looked at again in ${inWords(due - now)}.`;
}

/** A note that may or may not be a whole sentence, made the end of one. */
const ended = (note: string): string => note.replace(/[.\s]+$/, '');

/** Who said no, how often it was asked for since, and until when it is not offered (ms). */
export interface Denied {
  by: string;
  asked: number;
  until: number | null;
}

function deniedWords({ by, asked, until }: Denied, now: number): string {
  const since = asked === 0 ? '' : ` Asked for again ${asked === 1 ? 'once' : `${asked} times`} since.`;
  return `Denied by ${by}.${since}${until === null ? '' : ` The same change is not offered again for ${inWords(until - now)}, however often it is asked for.`}`;
}

function notRunWords(id: string, managedBy: string | null): string {
  const who = managedBy === null ? 'Readmit only observes here' : `${managedBy} makes this change`;
  return `${who}: nobody votes on the plan, readmit plan ${id} exports it.`;
}

/** What happens next, and when. */
export function nextOf(i: IncidentRecord, needs: number, now: number, denied?: Denied): string {
  const again = lookedAtAgain(i.due, now);
  if (i.inhibitedBy) return `Explained by incident ${i.inhibitedBy}; it is looked at again when that one ends.`;
  switch (i.state) {
    case 'open':
      return i.held ? 'Held: maintenance is on.' : `The cause is being looked for.${again}`;
    case 'proposed':
      if (i.plan && needs === 0) return notRunWords(i.id, i.plan.managedBy);
      return `Waits for ${needs} ${needs === 1 ? 'approval' : 'approvals'}${i.plan ? `; the plan is good until ${i.plan.expires}` : ''}.`;
    case 'advised':
      return `Waits for the person concerned.${again}`;
    case 'approved':
      return 'Approved; the order is on its way to the host.';
    case 'running':
      return 'The executor is at it.';
    case 'propagating':
      return `Done; it takes effect at the person's next login or when the directory catches up. Nothing needs to be changed back.${again}`;
    case 'verifying':
      return 'Done; test jobs show whether it helped.';
    case 'resolved':
      return i.kind === 'user' ? 'Nothing: the person can work again.' : 'Nothing: people can work again.';
    case 'not-effective':
      return 'The change is in place but did not help. It can be undone.';
    case 'failed':
      return `The change failed${i.note ? `: ${ended(i.note)}` : ''}.`;
    case 'denied':
      return denied ? deniedWords(denied, now) : 'Denied.';
    case 'stale':
      return 'The system moved since the plan was made; a new one is being made.';
    case 'escalated':
      return i.takenBy
        ? `${i.takenBy} has taken it over; nothing is offered meanwhile.${again}`
        : `A human must look${i.note ? `: ${ended(i.note)}` : ''}.${again}`;
    case 'expired':
      return i.note ? `Nothing: ${ended(i.note)}.` : 'Nothing: the reason is gone.';
    case 'undone':
      return 'Nothing: the change was taken back.';
    default:
      return i.state satisfies never;
  }
}
