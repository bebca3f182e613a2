/** The totals that `scripts/test` prints at its end. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../../harness/checkout.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

type Status = 'passed' | 'failed' | 'skipped';

describe('the totals of a test run', () => {
  let dir: string;
  beforeEach(() => {
    dir = makeScratch('totals');
  });
  afterEach(() => removeScratch(dir));

  /** Runs the script on a report of one file. Returns its status and its last line. */
  function totalsOf(status: 'passed' | 'failed', tests: readonly Status[]): [number | null, string | undefined] {
    const assertionResults = tests.map((each) => ({
      status: each,
      fullName: `a test that is ${each}`,
      failureMessages: each === 'failed' ? ['the reason'] : [],
    }));
    const file = { name: join(CHECKOUT, 'a.test.ts'), status, message: '', startTime: 0, endTime: 0, assertionResults };
    writeFileSync(join(dir, 'report.json'), JSON.stringify({ testResults: [file] }));
    const done = spawnSync('node', [join(CHECKOUT, 'scripts/test-totals.mjs'), join(dir, 'report.json')], {
      encoding: 'utf8',
    });
    return [done.status, done.stdout.trimEnd().split('\n').at(-1)];
  }

  it('count tests by their result', () => {
    expect(totalsOf('passed', ['passed', 'passed', 'skipped'])).toEqual([0, '2 passed, 0 failed, 1 skipped']);
    expect(totalsOf('failed', ['passed', 'failed'])).toEqual([1, '1 passed, 1 failed, 0 skipped']);
  });

  it('count a file that cannot be loaded as a failure', () => {
    expect(totalsOf('failed', [])).toEqual([1, '0 passed, 1 failed, 0 skipped']);
  });

  it('count a file as a failure if its set-up fails, so that its tests are skipped', () => {
    expect(totalsOf('failed', ['skipped', 'skipped'])).toEqual([1, '0 passed, 1 failed, 2 skipped']);
  });

  it('count a report without results as a failure', () => {
    writeFileSync(join(dir, 'report.json'), '');
    const { status, stdout } = spawnSync(
      'node',
      [join(CHECKOUT, 'scripts/test-totals.mjs'), join(dir, 'report.json')],
      { encoding: 'utf8' },
    );
    expect([status, stdout]).toEqual([1, '0 passed, 1 failed, 0 skipped\n']);
  });
});
