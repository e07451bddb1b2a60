/** Makes one week's page of a large store beside the program that serves: it reads the database and posts the page. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../config.ts';
import { openStoreToRead } from '../store/open.ts';
import { reportPageOf } from './reporting.ts';

/** What `report-page.ts` hands over. */
export interface PageWanted {
  file: string;
  config: Config;
  now: number;
  week: string;
}

const { file, config, now, week } = workerData as PageWanted;
const store = openStoreToRead(file);
try {
  parentPort!.postMessage(reportPageOf(store, config, now, week));
} finally {
  store.close();
}
