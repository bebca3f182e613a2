import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const CONFORMANCE = 'test/e2e/conformance/conformance.test.ts';

/**
 * Files of test/e2e and test/model that are not in the core (`scripts/test`) but in `scripts/test --long`.
 * Each of them takes long for a reason:
 */
const LONG = [
  // Container engines start containers; real programs do real work; npm installs Node.js four times.
  'test/e2e/clients/**/*.test.ts',
  'test/e2e/realwork/realwork.test.ts',
  'test/e2e/package/package.test.ts',
  // The same work is interrupted at each of many moments.
  'test/e2e/crash/crash.test.ts',
  'test/e2e/crash/crash-order.test.ts',
  'test/e2e/crash/dying-threads.test.ts',
  'test/e2e/crash/faults.test.ts',
  'test/e2e/crash/kills.test.ts',
  'test/e2e/service/kills.test.ts',
  // Layers hang until a time-out.
  'test/e2e/crash/hanging-layer.test.ts',
  'test/e2e/service/hanging.test.ts',
  // Disks, memory and tables of open files are filled; trees and files are large.
  'test/e2e/coherence/large-copy-up.test.ts',
  'test/e2e/limits/full-disk.test.ts',
  'test/e2e/limits/many-directories.test.ts',
  'test/e2e/limits/memory.test.ts',
  'test/e2e/limits/open-file-budget.test.ts',
  'test/e2e/odd-input/large-trees.test.ts',
  // Many processes, or a random search.
  'test/e2e/coherence/concurrency.test.ts',
  'test/model/forgetful.test.ts',
  // Hundreds of mounts, and a service that is killed at many moments.
  'test/e2e/service/exactly-one.test.ts',
  'test/e2e/service/endurance.test.ts',
  // Every system call of the server is traced; every hostile layer is mounted in every way.
  'test/e2e/security/untrusted-layers/system-calls.test.ts',
  'test/e2e/security/untrusted-layers/hostile-layers.test.ts',
  // More targets than in the core.
  CONFORMANCE,
];

// A file that was moved would be in neither part, and nobody would notice.
for (const path of LONG) {
  if (!path.includes('*') && !existsSync(fileURLToPath(new URL(path, import.meta.url)))) {
    throw new Error(`vitest.config.ts: LONG: ${path} does not exist`);
  }
}

/** Targets of the conformance cases in the core: both dialects, both transports. The long part has all. */
const CORE_TARGETS = 'plyfs,aufs,native';

/**
 * Files that run side by side, of the units and of the real mounts alike: a test and its server mostly wait
 * for each other, so that one file uses little more than one processor.
 */
const WORKERS = Math.min(4, Math.max(2, availableParallelism()));

/**
 * Real mounts: each file in a process and a mount namespace of its own, so that a mount that hangs takes
 * nothing else with it. Blocking system calls on a mount are fine: the server is another process.
 */
const MOUNTING = {
  pool: 'forks' as const,
  execArgv: ['--require', fileURLToPath(new URL('test/harness/mount-namespace.cjs', import.meta.url))],
  // A busy machine is slow, not wrong.
  testTimeout: 300_000,
  hookTimeout: 300_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: WORKERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          ...MOUNTING,
          name: 'e2e',
          maxWorkers: WORKERS,
          include: ['test/e2e/**/*.test.ts', 'test/model/**/*.test.ts'],
          exclude: LONG.filter((path) => path !== CONFORMANCE),
          env: { PLYFS_TARGETS: process.env.PLYFS_TARGETS ?? CORE_TARGETS },
        },
      },
      // One file after another: they take all memory, all processors or all file descriptors.
      { test: { ...MOUNTING, name: 'long', fileParallelism: false, include: LONG } },
    ],
  },
});
