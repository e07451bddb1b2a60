/**
 * Does the scheduler answer: what systemd says, `health` over every address family, and what its own clock shows.
 */
import type { Fact } from '../../diagnosis.ts';
import { type Answer, factMaker, type Ground, messageOf, NoAnswer, type Probe } from '../ground.ts';
import { valueAt } from '../system.ts';

/** What `health` came to. `unhealthy`: somebody answered, but not that all is well. */
type Health = 'healthy' | 'unhealthy' | 'refused' | 'silent' | 'unreachable' | 'broken';

export const scheduler: Probe = {
  name: 'scheduler',
  facts: ['scheduler.health4', 'scheduler.health6', 'scheduler.date', 'scheduler.date-skew'],
  needsUser: false,
  async run(_subject, ground) {
    const { url, url6 } = ground.config.scheduler;
    const [four, six] = await Promise.all([
      health(ground, 'scheduler.health4', url),
      url6 ? health(ground, 'scheduler.health6', url6) : null,
    ]);
    const { known, unknown } = factMaker(ground);
    const answer = four.answer ?? six?.answer ?? null;
    const facts = [four.fact, six?.fact ?? unknown('scheduler.health6', 'no address over IPv6 is configured')];
    if (!answer?.date)
      return [
        ...facts,
        ...['scheduler.date', 'scheduler.date-skew'].map(f => unknown(f, 'the scheduler sent no Date')),
      ];
    const source = `curl -I ${four.answer ? url : url6}${ground.system.http.health}`;
    return [
      ...facts,
      known('scheduler.date', new Date(answer.date).toISOString(), source),
      known('scheduler.date-skew', Math.round((answer.date - ground.now()) / 1000), source),
    ];
  },
};

async function health(ground: Ground, fact: string, base: string): Promise<{ fact: Fact; answer: Answer | null }> {
  const { known, unknown } = factMaker(ground);
  const url = base.replace(/\/$/, '') + ground.system.http.health;
  try {
    const answer = await ground.http(url);
    return { fact: known(fact, wellBy(answer, ground) satisfies Health, `GET ${url}`), answer };
  } catch (error) {
    if (error instanceof NoAnswer)
      return { fact: known(fact, error.kind satisfies Health, error.message), answer: null };
    return { fact: unknown(fact, messageOf(error)), answer: null };
  }
}

function wellBy(answer: Answer, ground: Ground): Health {
  const { key, value } = ground.system.http.healthy;
  try {
    return answer.status === 200 && valueAt(JSON.parse(answer.body), key) === value ? 'healthy' : 'unhealthy';
  } catch {
    return 'unhealthy';
  }
}
