/** Test projects: `unit` is the inner loop; the others start real daemons, browsers and the practice cluster. */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Real executors, real slapd, real logrotate, real installs: seconds each, so not in the inner loop. */
const system = [
  'test/execute/{run,taking-back,scheduler-config,votes,crash,directory,lost-audit,passkey,user-names}.test.ts',
  'test/watch/{feed,logrotate}.test.ts',
  'test/ldap/**/*.test.ts',
  'test/sign-in/**/*.test.ts',
  'test/deploy/**/*.test.ts',
  'test/notify/alertmanager.test.ts',
];
/** Minutes each: every cause, every pair of causes, a directory. `npm run test:long`. */
const long = ['test/e2e/{causes,pairs,ldap}.test.ts', 'test/browser/real.test.ts'];
const slow = [...system, 'test/e2e/**', 'test/browser/**', 'test/faults/**', 'test/practice/**'];

export default defineConfig({
  test: {
    reporters: ['default'],
    // By itself it leaves a processor free, which of two is half of them; many of these tests wait as well.
    maxWorkers: availableParallelism() + 1,
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...slow, 'node_modules/**'], testTimeout: 30_000, hookTimeout: 30_000 } },
      { test: { name: 'system', include: system, testTimeout: 60_000, hookTimeout: 60_000 } },
      { test: { name: 'practice', include: ['test/practice/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false } },
      { test: { name: 'browser', include: ['test/browser/**/*.test.ts'], exclude: [...long, 'node_modules/**'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], exclude: [...long, 'node_modules/**'], testTimeout: 300_000, hookTimeout: 120_000, fileParallelism: false } },
      { test: { name: 'long', include: long, testTimeout: 600_000, hookTimeout: 120_000, fileParallelism: false } },
      { test: { name: 'faults', include: ['test/faults/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
