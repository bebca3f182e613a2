import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../../bench/command-line.mjs';
import { chart } from '../../../bench/report/chart.mjs';
import { betweenMarkers } from '../../../bench/report/documents.mjs';
import { amount, times } from '../../../bench/report/format.mjs';
import {
  fullTable,
  machineText,
  missingFigures,
  roundTripText,
  shortTable,
  targetTable,
} from '../../../bench/report/markdown.mjs';
import { judge } from '../../../bench/verdicts.mjs';
import { measured, once, results } from './sample.js';

const walk = once('walk', { plyfs: 1, 'fuse-overlayfs': 2, kernel: 0.05 });

describe('tables of the benchmark', () => {
  it('the full one has every contender and both ratios', () => {
    expect(fullTable(results(walk)).split('\n')).toEqual([
      '| work | plyfs | fuse-overlayfs | kernel | plyfs / fuse-overlayfs | plyfs / kernel |',
      '|---|---|---|---|---|---|',
      '| title of walk | 1.00 s | 2.00 s | 50.0 ms | 0.50 | 20.0 |',
    ]);
  });

  it('more than one run shows its range', () => {
    const runs = { plyfs: [{ seconds: 1 }, { seconds: 3 }], kernel: [{ seconds: 1 }, { seconds: 1 }] };
    expect(fullTable(results(measured('walk', runs)))).toContain('2.00 s (1.00 to 3.00)');
  });

  it('the short one has the chosen works only', () => {
    const table = shortTable(results(walk, once('list', { plyfs: 1 })), ['list']);
    expect(table).toContain('title of list | 1.00 s | – | – | – | –');
    expect(table).not.toContain('walk');
  });

  it('a failure is named with its works', () => {
    const failed = (name: string) => measured(name, { plyfs: [] }, { failures: [['plyfs', 'it | broke\nthere']] });
    expect(missingFigures(results(failed('walk'), failed('list')))).toBe('- plyfs, fails: it \\| broke (walk, list)');
  });

  it('the table of targets shows which are met', () => {
    const verdicts = judge(results(walk), [
      {
        title: 'target',
        of: [{ work: 'walk' }],
        limits: [
          { kind: 'ratio', against: 'fuse-overlayfs', atMost: 0.6 },
          { kind: 'ratio', against: 'kernel', atMost: 4 },
        ],
      },
    ]);
    expect(targetTable(verdicts).split('\n').slice(2)).toEqual([
      '| target | walk | fuse-overlayfs | 0.50 | ≤ 0.6 | met |',
      '|  | walk | kernel | 20.0 | ≤ 4 | **not met** |',
    ]);
  });

  it('the text below a table has the number of runs, and the contenders with fewer', () => {
    const made = results(walk);
    made.settings.runs = 3;
    expect(machineText(made)).toMatch(/; 3 runs of each, in turn\.$/);
    made.contenders.push({ name: 'plain', version: 'no version', isAside: true });
    expect(machineText(made)).toMatch(/; 3 runs of each, in turn \(a third as many of plain\)\.$/);
  });

  it('the text below a table has one number for the version of each program', () => {
    const made = results(walk);
    made.contenders = [{ name: 'fuse-overlayfs', version: 'fuse-overlayfs: version 1.10', isAside: false }];
    expect(machineText(made)).toMatch(/, ext2, ext3 or ext4, Node v20\.0\.0; fuse-overlayfs 1\.10; /);
  });

  it('the time of a round trip is shown if it was measured', () => {
    const made = results(walk);
    expect(roundTripText(made)).toBe('');
    made.machine.roundTrip = { asleep: 54.25, awake: 3.7, working: 25 };
    expect(roundTripText(made)).toMatch(
      /54\.3 µs if the other thread sleeps as well, 3\.70 µs if it does not, 25\.0 µs if it works/,
    );
  });

  it('figures keep two or three significant digits', () => {
    expect([amount(0.0005, 's'), amount(12.345, 's'), amount(431.4, 'bytes')]).toEqual([
      '500 µs',
      '12.3 s',
      '431 bytes',
    ]);
    expect([times(0.0123), times(0.5), times(23.45)]).toEqual(['0.012', '0.50', '23.4']);
  });
});

describe('the chart of the benchmark', () => {
  it('has a row for each work with a ratio, names escaped, and nothing beyond its edges', () => {
    const svg = chart(results({ ...walk, work: { ...walk.work, title: 'a < b' } }, once('alone', { plyfs: 1 })));
    expect(svg).toContain('a &lt; b');
    expect(svg).not.toContain('alone');
    const centres = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map((match) => Number(match[1]));
    expect(centres.length).toBe(4);
    expect(Math.max(...centres)).toBeLessThan(960);
  });

  it('marks a ratio below one on the left, and one above it on the right', () => {
    const svg = chart(results(walk), ['walk']);
    const one = Number(/<line x1="([\d.]+)"[^>]*stroke-width="1.5"/.exec(svg)?.[1]);
    const [peer, kernel] = [...svg.matchAll(/<circle cx="([\d.]+)"[^>]*r="3.5"/g)].map((match) => Number(match[1]));
    expect(peer).toBeLessThan(one);
    expect(kernel).toBeGreaterThan(one);
  });
});

describe('documents of the benchmark', () => {
  const text = 'before\n<!-- bench: figures -->\nold\n<!-- bench: end of figures -->\nafter\n';

  it('are written between the markers only, and again with the same result', () => {
    const once = betweenMarkers(text, 'figures', 'new');
    expect(once).toBe('before\n<!-- bench: figures -->\nnew\n<!-- bench: end of figures -->\nafter\n');
    expect(betweenMarkers(once, 'figures', 'new')).toBe(once);
  });

  it('without markers are left alone', () => {
    expect(() => betweenMarkers(text, 'targets', 'new')).toThrow('bench: targets');
  });
});

describe('the command line of the benchmark', () => {
  it('adds programs and always has plyfs', () => {
    const { contenders, programs } = readCommandLine(['--contenders', 'kernel', '--program', 'mine=/opt/mine=2']);
    expect(contenders).toEqual(['plyfs', 'kernel']);
    expect(programs).toEqual([{ name: 'mine', path: '/opt/mine=2' }]);
  });

  it('runs each work once with --quick', () => {
    expect(readCommandLine(['--quick']).runs).toBe(1);
    expect(readCommandLine(['--quick', '--runs', '3']).runs).toBe(3);
  });

  it('refuses wrong and contradictory arguments', () => {
    expect(() => readCommandLine(['--runs', '0'])).toThrow('--runs 0');
    expect(() => readCommandLine(['--program', 'mine'])).toThrow('--program mine');
    expect(() => readCommandLine(['--quick', '--update-docs'])).toThrow('--quick and --update-docs');
  });
});
