/** Results of the benchmark, for the tests of tables and charts. */
import type { Measured } from '../../../bench/measure.mjs';
import { type Results, workResult } from '../../../bench/results.mjs';
import type { Metric, Work } from '../../../bench/works.mjs';

type Runs = Record<string, Record<string, number>[]>;

export const CONTENDERS = ['plyfs', 'fuse-overlayfs', 'kernel'];

/** A work with the figures of each contender's rounds. */
export function measured(name: string, runs: Runs, more: { metrics?: Metric[]; failures?: [string, string][] } = {}) {
  const work: Work = { name, group: name, title: `title of ${name}`, recipe: 'tree', access: 'writable' };
  const result: Measured = {
    work: more.metrics ? { ...work, metrics: more.metrics } : work,
    samples: new Map(Object.entries(runs)),
    failures: new Map(more.failures),
    unfit: new Map(),
  };
  return result;
}

/** A work with one round, whose figure is seconds. */
export function once(work: string, seconds: Record<string, number>) {
  const runs: [string, Record<string, number>[]][] = Object.entries(seconds).map(([name, value]) => [
    name,
    [{ seconds: value }],
  ]);
  return measured(work, Object.fromEntries(runs));
}

export function results(...works: Measured[]): Results {
  return {
    machine: {
      date: '2026-01-02T03:04:05.000Z',
      commit: 'abc123',
      processors: 2,
      processor: 'CPU',
      memoryGiB: 24,
      kernel: '6.18',
      fileSystem: 'ext2/ext3',
      node: 'v20.0.0',
    },
    settings: { runs: 1, isQuick: false },
    contenders: CONTENDERS.map((name) => ({ name, version: `${name} 1.0` })),
    works: works.map((work) => workResult(work, 'plyfs')),
  };
}
