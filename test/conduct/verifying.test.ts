/** The agent verifies many incidents: an order that comes meanwhile finds its place free, and nobody is forgotten. */
import { expect, test } from 'vitest';
import { type Verification, Verifying } from '../../src/roles/verifying.ts';

const of = (incident: string, n = 0): Verification => ({
  v: 1,
  request: `${incident}.${n}`,
  incident,
  users: [],
  canary: [],
  since: 0,
});

/** Looks that end when they are told to. */
function slowly() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const failures: string[] = [];
  const verifying = new Verifying(
    asked => {
      begun.push(asked.request);
      if (asked.incident === 'broken') return Promise.reject(new Error('the host is gone'));
      return new Promise(end => ends.push(end));
    },
    error => void failures.push(error.message),
  );
  return { verifying, begun, ends, failures };
}

test('forty incidents are taken at once, and eight of them are looked at', () => {
  const { verifying, begun } = slowly();
  for (let n = 0; n < 40; n++) verifying.ask(of(`${n}`));
  expect(begun).toHaveLength(8);
});

test('the others follow, each once, in the order in which they were asked about', async () => {
  const { verifying, begun, ends } = slowly();
  for (let n = 0; n < 40; n++) verifying.ask(of(`${n}`));
  while (ends.length > 0) {
    ends.shift()!();
    await new Promise(setImmediate);
  }
  expect(begun).toEqual(Array.from({ length: 40 }, (_, n) => `${n}.0`));
});

test('an incident that is asked about again while it waits is looked at once, as it was asked last', async () => {
  const { verifying, begun, ends } = slowly();
  for (let n = 0; n < 9; n++) verifying.ask(of(`${n}`));
  verifying.ask(of('8', 1));
  for (const end of ends.splice(0)) end();
  await new Promise(setImmediate);
  expect(begun.slice(8)).toEqual(['8.1']);
});

test('a look that fails is told of and takes no place from the next one', async () => {
  const { verifying, begun, failures } = slowly();
  for (let n = 0; n < 20; n++) verifying.ask(of('broken', n));
  verifying.ask(of('1'));
  await new Promise(setImmediate);
  expect(failures).toContain('the host is gone');
  expect(begun).toContain('1.0');
});
