import { describe, expect, it } from 'vitest';
import { readRoundTrip } from '../../../bench/machine.mjs';

describe('the time of a round trip', () => {
  it.each([
    ['two processors', '50.3 4.1 26.2', { asleep: 50.3, awake: 4.1, working: 26.2 }],
    ['one processor', '6.2', { asleep: 6.2, awake: null, working: null }],
    ['a measurement that a signal has ended', null, null],
  ])('with %s', (_, text, expected) => {
    expect(readRoundTrip(text)).toEqual(expected);
  });
});
