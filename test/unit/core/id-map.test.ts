import { describe, expect, it } from 'vitest';
import { IdMap, NOBODY } from '../../../src/core/id-map.js';

describe('ids on disk and shown ids', () => {
  it('are the same without a rule', () => {
    const map = new IdMap(undefined);
    expect([map.shown(7), map.disk(7)]).toEqual([7, 7]);
  });

  it('are mapped by the ranges, in both directions', () => {
    const map = new IdMap({
      ranges: [
        { disk: 0, shown: 1000, count: 1 },
        { disk: 1, shown: 100_000, count: 10 },
      ],
    });
    expect([0, 1, 10].map((id) => map.shown(id))).toEqual([1000, 100_000, 100_009]);
    expect([1000, 100_000, 100_009].map((id) => map.disk(id))).toEqual([0, 1, 10]);
  });

  it('outside of all ranges are shown as nobody, and cannot be written', () => {
    const map = new IdMap({ ranges: [{ disk: 10, shown: 20, count: 5 }] });
    expect([9, 15].map((id) => map.shown(id))).toEqual([NOBODY, NOBODY]);
    expect([19, 25, 10].map((id) => map.disk(id))).toEqual([null, null, null]);
  });

  it('are all shown as the one id of the rule, and are written unchanged', () => {
    const map = new IdMap({ all: 5 });
    expect([map.shown(0), map.shown(7), map.disk(7)]).toEqual([5, 5, 7]);
  });
});
