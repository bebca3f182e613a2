import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callerLog } from '../../../src/server/caller-log.js';

describe('the log function of a caller', () => {
  let warnings: Error[];
  const note = (warning: Error): void => {
    warnings.push(warning);
  };
  beforeEach(() => {
    warnings = [];
    process.on('warning', note);
  });
  afterEach(() => {
    process.off('warning', note);
  });
  /** Waits until the events of the next tick, such as warnings, have been emitted. */
  const afterTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('receives each line', async () => {
    const lines: string[] = [];
    const log = callerLog((line) => lines.push(line));
    log('one');
    log('two');
    await afterTick();
    expect([lines, warnings]).toEqual([['one', 'two'], []]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['returns a promise that is rejected', () => Promise.reject(new Error('broken'))],
  ])('that %s is called again, and causes one warning', async (_, fail) => {
    const lines: string[] = [];
    const log = callerLog((line) => {
      lines.push(line);
      return fail();
    });
    for (const line of ['one', 'two', 'three']) log(line);
    await afterTick();
    expect(lines).toEqual(['one', 'two', 'three']);
    expect(warnings).toEqual([
      expect.objectContaining({
        name: 'PlyfsWarning',
        message: expect.stringMatching(/^log: the function failed, and its later .* reported: Error: broken\n/),
      }),
    ]);
  });
});
