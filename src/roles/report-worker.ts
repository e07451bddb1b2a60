/** Makes a week's report of a large store beside the program that serves: it reads the database and posts what it made. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { openStoreToRead } from '../store/open.ts';
import { reportFileOf, reportPageOf } from './reporting.ts';

/** What `report-page.ts` hands over. */
export interface Wanted {
  as: 'page' | 'csv' | 'json';
  file: string;
  config: Config;
  now: number;
  week: string;
}

const { as, file, config, now, week } = workerData as Wanted;
const store = openStoreToRead(file);
try {
  parentPort!.postMessage(
    as === 'page' ? reportPageOf(store, config, now, week) : reportFileOf(store, config, now, week, as),
  );
} finally {
  store.close();
}
