import { describe, expect, it } from 'vitest';
import { isChosen } from '../../../scripts/outside-suites/arguments.mjs';
import { foreignMounts } from '../../../scripts/outside-suites/foreign-mounts.mjs';
import { readRuntest, readStatus, shorten } from '../../../scripts/outside-suites/ltp.mjs';
import { readTap } from '../../../scripts/outside-suites/pjdfstest.mjs';
import { countCases, oneLine } from '../../../scripts/outside-suites/results.mjs';
import { readRun } from '../../../scripts/outside-suites/unionmount.mjs';
import { readGroups } from '../../../scripts/outside-suites/xfstests.mjs';
import { CheckOutput } from '../../../scripts/outside-suites/xfstests-output.mjs';

const ended = { status: 0, timedOut: false };

describe('pjdfstest: the Test Anything Protocol', () => {
  it('counts passed, failed and skipped cases', () => {
    const output = '1..4\nok 1\nnot ok 2 - tried chmod, expected 0, got EPERM\nok 3 # skip no flags\nnot ok 4 # TODO\n';
    expect(readTap(output, ended)).toEqual({
      outcome: 'failed',
      cases: { passed: 1, failed: 1, skipped: 2 },
      detail: '2 - tried chmod, expected 0, got EPERM',
    });
  });

  it('counts a case that is planned and missing as failed', () => {
    const result = readTap('1..3\nok 1\n', { status: 2, timedOut: false });
    expect(result).toMatchObject({ outcome: 'failed', cases: { passed: 1, failed: 2, skipped: 0 } });
    expect(result.detail).toContain('status 2');
  });

  it('counts a program that has printed nothing as failed', () => {
    expect(readTap('', { status: 127, timedOut: false })).toMatchObject({ outcome: 'failed', cases: { failed: 1 } });
  });
});

describe('unionmount-testsuite', () => {
  it('passes by its status', () => expect(readRun({ ...ended, output: '***\n' })).toEqual({ outcome: 'passed' }));
  it('shows its last lines when it fails', () => {
    const output = '***\n./run --open-file /m/a -r\n/m/a: Unexpected error: EACCES\n';
    expect(readRun({ status: 1, timedOut: false, output })).toEqual({
      outcome: 'failed',
      detail: './run --open-file /m/a -r; /m/a: Unexpected error: EACCES',
    });
  });
});

describe('xfstests: the output of check', () => {
  function resultsOf(...lines: string[]) {
    const results: unknown[] = [];
    const output = new CheckOutput((result: unknown) => results.push(result));
    for (const line of lines) output.line(line);
    output.end();
    return results;
  }

  it('reads a test that passed, with the time of an earlier run too', () => {
    expect(resultsOf('overlay/001         3s', 'generic/002  12s ...  1s')).toEqual([
      { test: 'overlay/001', outcome: 'passed' },
      { test: 'generic/002', outcome: 'passed' },
    ]);
  });

  it('reads why a test was not run', () => {
    expect(resultsOf('overlay/005        [not run] The underlying fs should be xfs')).toEqual([
      { test: 'overlay/005', outcome: 'skipped', detail: 'The underlying fs should be xfs' },
    ]);
  });

  it('reads the difference of a test that failed, and the next test after it', () => {
    const results = resultsOf(
      'overlay/012        - output mismatch (see /r/overlay/012.out.bad)',
      '    --- tests/overlay/012.out\t2026-01-01',
      '    +++ /r/overlay/012.out.bad\t2026-01-01',
      '    @@ -1,2 +1,2 @@',
      '     QA output created by 012',
      '    -rm: Stale file handle',
      '    +rm: Is a directory',
      '    ...',
      'overlay/013         1s',
    );
    expect(results).toEqual([
      { test: 'overlay/012', outcome: 'failed', detail: '-rm: Stale file handle +rm: Is a directory' },
      { test: 'overlay/013', outcome: 'passed' },
    ]);
  });

  it('counts a line without a time as a failure: an exit status, or a file system that is damaged', () => {
    expect(
      resultsOf('generic/003        [failed, exit status 1] ', 'generic/004        _check_dmesg: something found'),
    ).toEqual([
      { test: 'generic/003', outcome: 'failed', detail: '[failed, exit status 1]' },
      { test: 'generic/004', outcome: 'failed', detail: '_check_dmesg: something found' },
    ]);
  });

  it('reads the groups of its tests', () => {
    expect(readGroups('# QA groups\n\n001 rw dir auto quick\n002 auto\n')).toEqual([
      { number: '001', groups: ['rw', 'dir', 'auto', 'quick'] },
      { number: '002', groups: ['auto'] },
    ]);
  });
});

describe('LTP', () => {
  it.each([
    [0, 'passed'],
    [1, 'failed'],
    [2, 'failed'],
    [4, 'failed'],
    [32, 'skipped'],
    [33, 'failed'],
    [127, 'failed'],
    [139, 'failed'],
  ])('takes exit status %i for %s', (status, outcome) => {
    expect(readStatus({ status, output: '', timedOut: false }).outcome).toBe(outcome);
  });

  it('shows the first line that names a failure', () => {
    const output = 'open01.c:1: TPASS: fine\nopen01.c:2: TFAIL: mode is 0\nopen01.c:3: TBROK: more\n';
    expect(readStatus({ status: 3, output, timedOut: false }).detail).toBe('open01.c:2: TFAIL: mode is 0');
  });

  it('reads a file of runtest', () => {
    expect(readRuntest('#DESCRIPTION: x\n\nopen01 open01 -i 3\n')).toEqual([{ test: 'open01', shell: 'open01 -i 3' }]);
  });

  it('turns minutes into seconds for a program that loops, and for no other', () => {
    expect(shorten('growfiles -W gf15 -i 0 -L 120 -f x')).toBe('growfiles -W gf15 -i 0 -L 5 -f x');
    expect(shorten('rwtest -N iogen01 -i 120s -n 2')).toBe('rwtest -N iogen01 -i 5s -n 2');
    expect(shorten('open01 -i 30')).toBe('open01 -i 30');
  });
});

describe('all suites', () => {
  it('count cases if a test prints how many it has', () => {
    const cases = { passed: 5, failed: 1, skipped: 2 };
    expect(countCases([{ outcome: 'passed' }, { outcome: 'failed', cases }, { outcome: 'skipped' }])).toEqual({
      passed: 6,
      failed: 1,
      skipped: 3,
    });
  });

  it('choose tests by name, in which * matches anything', () => {
    expect(isChosen('overlay/012', [])).toBe(true);
    expect(isChosen('overlay/012', ['overlay/0*'])).toBe(true);
    expect(isChosen('overlay/012', ['overlay/01'])).toBe(false);
    expect(isChosen('overlay/012', ['generic/*', 'overlay/012'])).toBe(true);
  });

  it('show a failure on one line', () => {
    expect(oneLine('a\n\tb\x1b[1mc', 10)).toBe('a bc');
    expect(oneLine('abcdef', 4)).toBe('abc…');
  });
});

describe('a sandbox', () => {
  it('detaches foreign mounts in scratch directories, the inner mounts first, and keeps those that it needs', () => {
    const mountinfo = [
      '24 1 8:1 / / rw - ext4 /dev/sda1 rw',
      '25 24 0:5 / /tmp rw - tmpfs tmpfs rw',
      '26 25 0:6 / /tmp/a rw - tmpfs tmpfs rw',
      '27 26 0:7 / /tmp/a/in\\040it rw - fuse.plyfs plyfs rw',
      '28 25 0:8 / /tmp/needed rw - tmpfs tmpfs rw',
      '29 25 0:9 / /tmp/need rw - tmpfs tmpfs rw',
      '30 24 0:10 / /home/a rw - tmpfs tmpfs rw',
      '',
    ].join('\n');
    expect(foreignMounts(mountinfo, ['/tmp'], ['/tmp/needed/checkout'])).toEqual([
      '/tmp/a/in it',
      '/tmp/need',
      '/tmp/a',
    ]);
  });
});
