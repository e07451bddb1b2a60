/**
 * Does the scheduler answer: what systemd says, `health` over every address family, and what its own clock shows.
 */
import { isThisMachine, portOf } from '../../addresses.ts';
import type { Fact } from '../../diagnosis.ts';
import { type Answer, factMaker, type Ground, messageOf, NoAnswer, type Probe } from '../ground.ts';
import { valueAt } from '../system.ts';

/** What `health` came to. `unhealthy`: somebody answered, but not that all is well. */
type Health = 'healthy' | 'unhealthy' | 'refused' | 'silent' | 'unreachable' | 'broken';

export const scheduler: Probe = {
  name: 'scheduler',
  facts: ['scheduler.health4', 'scheduler.health6', 'scheduler.listening', 'scheduler.date', 'scheduler.date-skew'],
  needsUser: false,
  async run(_subject, ground) {
    const { url, url6 } = ground.config.scheduler;
    const [four, six, listens] = await Promise.all([
      health(ground, 'scheduler.health4', url),
      url6 ? health(ground, 'scheduler.health6', url6) : null,
      listening(ground, url),
    ]);
    const { known, unknown } = factMaker(ground);
    const answer = four.answer ?? six?.answer ?? null;
    const facts = [four.fact, six?.fact ?? unknown('scheduler.health6', 'no address over IPv6 is configured'), listens];
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

/** Does anything on this host listen on the scheduler's port? No firewall is in the way of that answer. */
async function listening(ground: Ground, url: string): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  const cannot = (because: string): Fact => unknown('scheduler.listening', because);
  if (!isThisMachine(new URL(url).hostname)) return cannot(`${url} is not this host alone`);
  const port = Number(portOf(url)).toString(16).toUpperCase().padStart(4, '0');
  const tables = ['tcp', 'tcp6'].map(name => `${ground.config.paths.proc}/self/net/${name}`);
  try {
    const texts = (await Promise.all(tables.map(path => ground.read(path)))).map(file => file?.text);
    // proc(5): `  0: 0100007F:1F90 00000000:0000 0A …`, and 0A is a socket that listens.
    const heard = texts.some(text => new RegExp(`^ *\\d+: [0-9A-F]+:${port} [0-9A-F:]+ 0A `, 'm').test(text ?? ''));
    if (!texts[0]) return cannot(`${tables[0]}: no such file`);
    return known('scheduler.listening', heard, tables.join(', '));
  } catch (error) {
    return cannot(messageOf(error));
  }
}

function wellBy(answer: Answer, ground: Ground): Health {
  // Whoever asks for a name and a password is there; what it would say then is not for us.
  if (answer.status === 401 || answer.status === 403) return 'healthy';
  const { key, value } = ground.system.http.healthy;
  try {
    return answer.status === 200 && valueAt(JSON.parse(answer.body), key) === value ? 'healthy' : 'unhealthy';
  } catch {
    return 'unhealthy';
  }
}
