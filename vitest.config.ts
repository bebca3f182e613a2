import { defineConfig } from 'vitest/config';

const CONFORMANCE = 'test/e2e/conformance/conformance.test.ts';

/**
 * Files of test/e2e and test/model that `scripts/test` leaves to `scripts/test --long`, because each of them
 * takes long: container engines start containers, threads die, layers hang, disks and tables of open files
 * fill. The others try the same thing at each of many moments or with many processes.
 */
const LONG = [
  'test/e2e/clients/**/*.test.ts',
  'test/e2e/coherence/concurrency.test.ts',
  CONFORMANCE,
  'test/e2e/crash/dying-threads.test.ts',
  'test/e2e/crash/faults.test.ts',
  'test/e2e/limits/full-disk.test.ts',
  'test/e2e/crash/hanging-layer.test.ts',
  'test/e2e/crash/kills.test.ts',
  'test/e2e/odd-input/large-trees.test.ts',
  'test/e2e/limits/open-file-budget.test.ts',
  'test/e2e/package/package.test.ts',
  'test/e2e/realwork/realwork.test.ts',
];

/** Conformance cases run on these targets in the short part too; in the long part on all usual ones. */
const SHORT_TARGETS = 'plain,kernel,plyfs,aufs';

/**
 * Real mounts: one file after another, each in a process of its own, so that a mount that hangs takes nothing
 * else with it. Blocking system calls on a mount are fine: the server is another process.
 */
const MOUNTING = {
  pool: 'forks' as const,
  fileParallelism: false,
  // A busy machine is slow, not wrong.
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...MOUNTING,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/model/**/*.test.ts'],
          exclude: LONG.filter((path) => path !== CONFORMANCE),
          env: { PLYFS_TARGETS: process.env.PLYFS_TARGETS ?? SHORT_TARGETS },
        },
      },
      { test: { ...MOUNTING, name: 'long', include: LONG } },
    ],
  },
});
