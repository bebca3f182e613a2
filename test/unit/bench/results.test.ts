import { describe, expect, it } from 'vitest';
import { findMetric, linesOf } from '../../../bench/results.mjs';
import { measured, results } from './sample.js';

describe('results of the benchmark', () => {
  it('have each contender and the ratio of the first to each other', () => {
    const found = findMetric(
      results(measured('walk', { plyfs: [{ seconds: 1 }, { seconds: 3 }], kernel: [{ seconds: 4 }, { seconds: 4 }] })),
      'walk',
    );
    expect(found?.contenders.plyfs).toEqual({ median: 2, low: 1, high: 3, runs: [1, 3] });
    expect(found?.ratios).toEqual({ kernel: { ratio: 0.5, low: 0.25, high: 0.75 } });
  });

  it('have no figure of a contender that failed, but the reason', () => {
    const [work] = results(
      measured('walk', { plyfs: [{ seconds: 1 }], kernel: [] }, { failures: [['kernel', 'it broke']] }),
    ).works;
    expect(work?.failures).toEqual({ kernel: 'it broke' });
    expect(Object.keys(work?.metrics[0]?.contenders ?? {})).toEqual(['plyfs']);
  });

  it('have no ratio of a metric that is not compared', () => {
    const metrics = [{ name: 'cpu', unit: 'ms/s' as const, isCompared: false }];
    const found = findMetric(
      results(measured('idle', { plyfs: [{ cpu: 0 }], kernel: [{ cpu: 1 }] }, { metrics })),
      'idle',
    );
    expect(found?.ratios).toEqual({});
  });

  it('have a line for each metric of a work', () => {
    const metrics = ['p50', 'p99'].map((name) => ({ name, title: name, unit: 'µs' as const, isCompared: true }));
    const lines = linesOf(results(measured('latency', { plyfs: [{ p50: 1, p99: 2 }] }, { metrics })));
    expect(lines.map(({ title }) => title)).toEqual(['title of latency: p50', 'title of latency: p99']);
  });
});
