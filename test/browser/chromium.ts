/** The browser of the tests: Debian's, quiet, and given time for its first start from a disk that is busy installing. */
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';

const HOW = {
  executablePath: '/usr/bin/chromium',
  /** A cold start beside three practice clusters took 14 s; the hooks that wait for it end after 120 s. */
  timeout: 100_000,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-default-apps',
    '--disable-sync',
    '--no-first-run',
    '--no-default-browser-check',
    '--disable-dev-shm-usage',
  ],
};

export const openBrowser = (): Promise<Browser> => chromium.launch(HOW);

/** A browser that keeps what it learns in `folder`. */
export const openProfile = (folder: string, more: BrowserContextOptions = {}): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, { ...HOW, ...more });
