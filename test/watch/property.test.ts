/** The property test of `property.ts` in its small form; `test/faults` runs ten thousand sequences. */
import { afterAll, expect, test } from 'vitest';
import { removeDirs } from './lab.ts';
import { runProperty } from './property.ts';

afterAll(removeDirs);

test('A01 A02 A04 A05 A07 A09 A11 A15: whatever happens to a log and to us, every line counts once (200 sequences)', async () => {
  expect(await runProperty(200, 1)).toBeNull();
});
