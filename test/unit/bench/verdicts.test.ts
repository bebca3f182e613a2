import { describe, expect, it } from 'vitest';
import { type Target, targets } from '../../../bench/targets.mjs';
import { judge } from '../../../bench/verdicts.mjs';
import { works } from '../../../bench/works.mjs';
import { measured, once, results } from './sample.js';

const of = (work: string, metric?: string) => [metric ? { work, metric } : { work }];
const verdict = (target: Omit<Target, 'title'>, ...given: Parameters<typeof results>) =>
  judge(results(...given), [{ title: 'target', ...target }]).map(({ measured: figure, isMet }) => ({ figure, isMet }));

describe('targets of the benchmark', () => {
  it('a ratio is met when it is at most the limit', () => {
    const target: Omit<Target, 'title'> = {
      of: of('walk'),
      limits: [
        { kind: 'ratio', against: 'fuse-overlayfs', atMost: 0.5 },
        { kind: 'ratio', against: 'kernel', atMost: 4 },
      ],
    };
    expect(verdict(target, once('walk', { plyfs: 1, 'fuse-overlayfs': 2, kernel: 0.2 }))).toEqual([
      { figure: '0.50', isMet: true },
      { figure: '5.00', isMet: false },
    ]);
  });

  it('a target that was not measured is neither met nor missed', () => {
    const target: Omit<Target, 'title'> = {
      of: [...of('walk'), ...of('list')],
      limits: [{ kind: 'ratio', against: 'kernel', atMost: 4 }],
    };
    expect(verdict(target, once('walk', { plyfs: 1 }))).toEqual([
      { figure: '–', isMet: undefined },
      { figure: '–', isMet: undefined },
    ]);
  });

  it('an amount is that of plyfs itself', () => {
    const target: Omit<Target, 'title'> = {
      of: of('mount'),
      limits: [{ kind: 'amount', atMost: 0.2, unit: 's' }],
    };
    expect(verdict(target, once('mount', { plyfs: 0.25, kernel: 0.01 }))).toEqual([
      { figure: '0.250 s', isMet: false },
    ]);
  });

  it('a target can be for another contender than the first', () => {
    const target: Omit<Target, 'title'> = {
      subject: 'plyfs-service',
      of: of('mount'),
      limits: [
        { kind: 'ratio', against: 'plyfs', atMost: 0.5 },
        { kind: 'amount', atMost: 0.2, unit: 's' },
      ],
    };
    expect(verdict(target, once('mount', { plyfs: 0.1, 'plyfs-service': 0.25 }))).toEqual([
      { figure: '2.50', isMet: false },
      { figure: '0.250 s', isMet: false },
    ]);
  });

  it('a figure can be compared with that of another work', () => {
    const target: Omit<Target, 'title'> = {
      of: of('first'),
      limits: [{ kind: 'like', work: 'second', atMost: 1.1 }],
    };
    expect(verdict(target, once('first', { plyfs: 1.2 }), once('second', { plyfs: 1 }))).toEqual([
      { figure: '1.20', isMet: false },
    ]);
    expect(verdict(target, once('first', { plyfs: 1.2 }))).toEqual([{ figure: '–', isMet: undefined }]);
  });

  it('a growth is compared with the growth of the other contender', () => {
    const target: Omit<Target, 'title'> = {
      of: of('deep'),
      limits: [{ kind: 'growth', from: 'flat', against: 'fuse-overlayfs' }],
    };
    const flat = once('flat', { plyfs: 1, 'fuse-overlayfs': 10 });
    expect(verdict(target, flat, once('deep', { plyfs: 3, 'fuse-overlayfs': 40 }))).toEqual([
      { figure: 'grows 3.0-fold', isMet: true },
    ]);
    expect(verdict(target, flat, once('deep', { plyfs: 5, 'fuse-overlayfs': 40 }))).toEqual([
      { figure: 'grows 5.0-fold', isMet: false },
    ]);
  });

  it('memory falls back if most of its growth is freed', () => {
    const names = ['base', 'walked', 'forgotten'];
    const metrics = names.map((name) => ({ name, title: name, unit: 'MiB' as const, isCompared: true }));
    const target: Omit<Target, 'title'> = {
      of: of('memory', 'forgotten'),
      limits: [{ kind: 'given back', base: 'base', peak: 'walked', atLeast: 0.75 }],
    };
    const forgetting = (forgotten: number) =>
      verdict(target, measured('memory', { plyfs: [{ base: 50, walked: 150, forgotten }] }, { metrics }));
    expect(forgetting(70)).toEqual([{ figure: '80 % given back', isMet: true }]);
    expect(forgetting(100)).toEqual([{ figure: '50 % given back', isMet: false }]);
  });

  it('name works and metrics that exist', () => {
    for (const { work, metric } of targets.flatMap((target) => target.of)) {
      const found = works.find(({ name }) => name === work);
      expect(found, work).toBeDefined();
      if (metric) expect(found?.metrics?.map(({ name }) => name)).toContain(metric);
    }
  });
});

describe('works of the benchmark', () => {
  it('have names of their own, and no group has the name of a work of another', () => {
    expect(new Set(works.map(({ name }) => name)).size).toBe(works.length);
    for (const { group } of works) for (const other of works) if (other.name === group) expect(other.group).toBe(group);
  });

  it('either have a command and how it starts, or measure themselves', () => {
    for (const { name, command, start, measure } of works) {
      expect([name, (command === undefined) === (measure !== undefined)]).toEqual([name, true]);
      expect([name, (command === undefined) === (start === undefined)]).toEqual([name, true]);
    }
  });
});
