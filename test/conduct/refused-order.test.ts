/** An order that the host says no to as such: an answer comes back, and the incident has an end that somebody sees. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { builtInPack } from '../../src/diagnose/effects.ts';
import type { Ground } from '../../src/diagnose/ground.ts';
import { loadSystem } from '../../src/diagnose/system.ts';
import { Refused, Retry } from '../../src/incident.ts';
import type { Order, ServeMessage } from '../../src/messages.ts';
import { executorLine, Work } from '../../src/roles/agent.ts';
import { makeOrder } from '../../src/roles/conduct/approvals.ts';
import { Outcomes } from '../../src/roles/conduct/outcomes.ts';
import { lastRun } from '../../src/store/approvals.ts';
import { ADD, aCase, type Case, TAKE } from './a-case.ts';

const system = loadSystem(builtInPack('openclaw'));

/** An agent that works this order; returns what it tells serve. */
async function worked(c: Case, order: Order, executor = executorLine(c.config)): Promise<ServeMessage[]> {
  const told: ServeMessage[] = [];
  const ground = { config: c.config, now: c.now, run: async () => {}, system } as unknown as Ground;
  const send = async (message: ServeMessage): Promise<void> => void told.push(message);
  const work = new Work({ config: c.config, log: pino({ enabled: false }), now: c.now, ground, send, executor });
  await work.take({ name: 'execute', data: { v: 1, order } });
  return told;
}

function approved(c: Case): Order {
  const id = c.open('proposed');
  const plan = c.offer(id, [ADD], [TAKE]);
  makeOrder(c.store, c.now(), plan, 'plan', [{ id: 'a-vote' }] as never, id);
  c.go(id, 'approved');
  return lastRun(c.store, id)!.order;
}

test('a host that only observes refuses it, and the incident does not wait for ever', async () => {
  const c = aCase();
  c.config.executor.enabled = false;
  const order = approved(c);
  const [told] = await worked(c, order);
  expect(told).toMatchObject({ name: 'outcome', data: { outcome: { result: 'refused', steps: [] } } });
  if (told?.name === 'outcome') new Outcomes(c).take(told.data);
  expect(c.at(order.incident)).toMatchObject({ state: 'failed', note: expect.stringMatching(/observing only/) });
  c.end();
});

test('an executor that speaks another version says no once; one that does not answer is asked again', async () => {
  const c = aCase();
  const order = approved(c);
  const saying = (error: Error) => ({ ...executorLine(c.config), run: async () => Promise.reject(error) });
  const [told] = await worked(c, order, saying(new Refused('unknown-version: this executor speaks version 1')));
  expect(told).toMatchObject({ data: { outcome: { result: 'refused', detail: /unknown-version/ } } });
  await expect(worked(c, order, saying(new Retry('the executor went away')))).rejects.toThrow(Retry);
  c.end();
});

test('who works again after an administrator made the change is asked about, though no test job can be run', async () => {
  const c = aCase();
  c.config.executor.enabled = false;
  await expect(executorLine(c.config).canary('alice', c.now())).rejects.toThrow(/observing only/);
  c.end();
});
