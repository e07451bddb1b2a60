/**
 * Hands incidents over to an Alertmanager: sends each while it is open and nobody has muted it, again before it would go
 * out there, and ends it there when it ends here. The outbox row lives as long as the incident and remembers what fires,
 * so a crash or a restart costs nothing but one more resend.
 */
import type { Receiver } from '../../config/notify.ts';
import { isEnded } from '../../incident.ts';
import { ended, firing, type PostableAlert, postAlerts, sameLabels } from '../../notify/alertmanager.ts';
import { incident } from '../../store/incidents.ts';
import type { Carrier } from '../doorbell.ts';
import { mutedResult } from './digests.ts';
import type { LetterParts } from './letter-parts.ts';
import { paperOf } from './letters.ts';
import { mutedFor, whyNot, whyNotAgain } from './quiet.ts';
import { givesUp } from './second.ts';

interface Handed {
  letter: 'alert' | 'escalation';
  incident: string;
  /** What fires there now; null while nothing does. */
  fired?: PostableAlert | null;
}

export const alertmanagerCarrier =
  (
    p: Pick<LetterParts, 'store' | 'config' | 'now' | 'desk'>,
    receiver: Extract<Receiver, { type: 'alertmanager' }>,
  ): Carrier =>
  async row => {
    const payload = row.payload as Handed;
    const at = p.now();
    const i = incident(p.store, payload.incident);
    const muted = mutedFor(p.config, receiver.name, i, at);
    const quiet =
      whyNot(p.store, at, i) ??
      (payload.letter === 'escalation' ? whyNotAgain(i) : null) ??
      (muted ? mutedResult(muted.until) : null);
    const resendMs = receiver.resendInterval * 1000;
    const paper = paperOf(p.config, row.key, receiver);
    const now = quiet === null ? firing(p.desk.show(i.id), paper, payload.letter, resendMs, at) : null;
    const before = payload.fired ?? null;
    const alerts = [
      // Another cause or tier is another alert there; the one before it is over.
      ...(before && (!now || !sameLabels(before, now)) ? [ended(before, at)] : []),
      ...(now ? [now] : []),
    ];
    try {
      if (alerts.length) await postAlerts(receiver, alerts);
    } catch (error) {
      if (isEnded(i.state) && givesUp(error, row)) return `refused: ${(error as Error).message}`;
      throw error;
    }
    if (isEnded(i.state)) return before ? 'sent' : 'ended';
    return { again: at + resendMs, result: quiet ?? 'firing', payload: { ...payload, fired: now } };
  };
