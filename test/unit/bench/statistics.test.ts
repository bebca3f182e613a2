import { describe, expect, it } from 'vitest';
import { median, ratioOf, summarize } from '../../../bench/statistics.mjs';

describe('statistics of the benchmark', () => {
  it('a median is the middle, or the mean of the two middle ones, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 9])).toBe(3);
    expect(median([])).toBeUndefined();
  });

  it('a summary has the range and keeps the order of the rounds', () => {
    expect(summarize([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3, runs: [3, 1, 2] });
    expect(summarize([])).toBeUndefined();
  });

  it('a ratio is that of the medians, its range that of the rounds, which are in the order of the runs', () => {
    expect(ratioOf([1, 2, 3], [4, 4, 12])).toEqual({ ratio: 0.5, low: 0.25, high: 0.5 });
  });

  it('a round with one disturbed contender changes the range, not the ratio', () => {
    expect(ratioOf([1, 50, 1], [2, 2, 2])).toEqual({ ratio: 0.5, low: 0.5, high: 25 });
  });

  it('there is no ratio to nothing', () => {
    expect(ratioOf([1], [])).toBeUndefined();
    expect(ratioOf([1], [0])).toBeUndefined();
  });
});
