/** What letters are written from, and what comes of it. */
import type { Approvers } from '../../approve/approvers.ts';
import type { Config } from '../../config/config.ts';
import type { Letter } from '../../notify/letter.ts';
import type { Rendered } from '../../notify/letters/weekly.ts';
import type { Store } from '../../store/open.ts';
import type { StoreDesk } from '../desk/desk.ts';

export interface LetterParts {
  store: Store;
  config: Config;
  now: () => number;
  desk: StoreDesk;
  approvers(): Approvers;
  report(week: string): Promise<Rendered>;
}

/** What is there to say instead of a letter: `later` asks again, any other text is why it is not written. */
export type Written = { letter: Letter } | { not: string };
