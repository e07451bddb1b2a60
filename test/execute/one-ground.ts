/** One machine a test with an executor on it, stopped behind it; or one for a whole table of refusals. */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Ground, makeGround } from './ground.ts';

export let ground: Ground;
let shared: Ground | null = null;
afterEach(() => (ground === shared ? undefined : ground?.stop()));

export const ready = async (extra = {}): ReturnType<Ground['start']> => {
  ground = makeGround(extra);
  return await ground.start();
};
export const send: Ground['send'] = (...order) => ground.send(...order);

/** Tables of refusals change nothing, so they may share one machine. */
export const shareOne = (): void => {
  beforeAll(async () => {
    shared = makeGround();
    await shared.start();
  });
  afterAll(() => shared?.stop());
};
/** The test goes on with the machine of the table. */
export const useShared = (): void => {
  ground = shared!;
};
