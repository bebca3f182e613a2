/**
 * The state after a crash: before each system call of a change, the merged tree is as before or as after the
 * change, for any content of the lower branch.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { isDirectory } from '../../../../src/core/file-mode.js';
import { FileStat } from '../../../../src/core/file-stat.js';

const steps = vi.hoisted(() => ({ before: (): void => {}, count: 0, failing: 0 }));

/** Each function that changes a directory calls `steps` first. The call with the number `failing` fails. */
vi.mock('../../../../src/sys/files/inode-ops.js', async (original) => {
  const real = await original<typeof import('../../../../src/sys/files/inode-ops.js')>();
  const { Errno, fsError } = await import('../../../../src/core/errno.js');
  const watched = ['mkdirAt', 'mknodAt', 'linkAt', 'unlinkAt', 'rmdirAt', 'renameAt', 'chmodAt', 'utimesAt'] as const;
  const step = (): boolean => {
    steps.before();
    steps.count++;
    return steps.count === steps.failing;
  };
  const wrapped = watched.map((name) => {
    const call = real[name] as (...args: unknown[]) => unknown;
    const instead = (...args: unknown[]): unknown => {
      if (step()) throw fsError(Errno.EIO, name);
      return call(...args);
    };
    return [name, instead] as const;
  });
  const tryLinkAt: typeof real.tryLinkAt = (...args) => (step() ? -Errno.EIO : real.tryLinkAt(...args));
  return { ...real, ...Object.fromEntries(wrapped), tryLinkAt };
});

const { prepareBranch } = await import('../../../../src/whiteout/aufs/aufs-branch.js');
const { AufsHiding } = await import('../../../../src/whiteout/aufs/aufs-hiding.js');
const { MarkerMaker } = await import('../../../../src/whiteout/aufs/aufs-marks.js');
const { AufsReader } = await import('../../../../src/whiteout/aufs/aufs-reader.js');
const { WorkDirectory } = await import('../../../../src/whiteout/work/work-directory.js');

const reader = new AufsReader('rw');
const name = (text: string): EntryName => text as EntryName;
const OLD = name('old');
const NEW = name('new');

let home: string;
let upper: number;
let lower: number;
let work: ReturnType<typeof WorkDirectory.open>;
let hiding: InstanceType<typeof AufsHiding>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-steps-'));
  mkdirSync(join(home, 'upper'));
  mkdirSync(join(home, 'lower'));
  upper = openSync(join(home, 'upper'), 'r');
  lower = openSync(join(home, 'lower'), 'r');
  prepareBranch(upper);
  work = WorkDirectory.openInside(upper, '.wh..wh.orph', () => {});
  hiding = new AufsHiding(work, new MarkerMaker(upper, true));
});

afterEach(() => {
  steps.before = () => {};
  steps.failing = 0;
  work.close();
  closeSync(upper);
  closeSync(lower);
  rmSync(home, { recursive: true });
});

function put(path: string, content = path): void {
  mkdirSync(join(home, path, '..'), { recursive: true });
  writeFileSync(join(home, path), content);
}

/** The two names as the union shows them: null, a file's content, or a directory's names. */
function shown(): unknown[] {
  return [OLD, NEW].map((entry) => {
    const stat = new FileStat();
    const above = reader.probe(upper, entry, stat);
    if (above === 'whiteout') return null;
    if (above === 'absent') return contentOf('lower', entry, stat, reader.probe(lower, entry, stat) === 'present');
    const top = contentOf('upper', entry, stat, true);
    if (!Array.isArray(top) || reader.isOpaque(upper, entry)) return top;
    const below = contentOf('lower', entry, stat, reader.probe(lower, entry, stat) === 'present');
    if (!Array.isArray(below)) return top;
    const hidden = listed('upper', entry).hidden;
    return [...new Set([...top, ...below.filter((inside) => !hidden.includes(inside))])].sort();
  });
}

function contentOf(layer: string, entry: EntryName, stat: FileStat, present: boolean): string | string[] | null {
  if (!present) return null;
  if (!isDirectory(stat.mode)) return readFileSync(join(home, layer, entry), 'utf8');
  return listed(layer, entry).entries.sort();
}

function listed(layer: string, entry: EntryName): { entries: string[]; hidden: string[] } {
  const fd = openSync(join(home, layer, entry), 'r');
  const found = { entries: [] as string[], hidden: [] as string[] };
  reader.list(fd, { entry: (inside) => found.entries.push(inside), whiteout: (inside) => found.hidden.push(inside) });
  closeSync(fd);
  return found;
}

interface Change {
  readonly what: string;
  readonly upper: readonly string[];
  readonly lower: readonly string[];
  run(): void;
}

const move = (hideSource: boolean, ontoWhiteout: boolean, directory: boolean): void =>
  hiding.move({ from: upper, name: OLD, to: upper, newName: NEW, hideSource, ontoWhiteout, isDirectory: directory });

const CHANGES: readonly Change[] = [
  { what: 'hide', upper: [], lower: ['old'], run: () => hiding.hide(upper, OLD) },
  { what: 'remove and hide a file', upper: ['old'], lower: ['old'], run: () => hiding.removeAndHide(upper, OLD) },
  {
    what: 'remove and hide a directory',
    upper: ['old/.wh.a'],
    lower: ['old/a'],
    run: () => hiding.removeDirectory(upper, OLD, true),
  },
  {
    what: 'remove a directory that contains a marker',
    upper: ['old/.wh..wh..opq'],
    lower: [],
    run: () => hiding.removeDirectory(upper, OLD, false),
  },
  {
    what: 'create a file over a whiteout',
    upper: ['.wh.new', '.wh..wh.orph/staged'],
    lower: ['new'],
    run: () => hiding.publishOverWhiteout('staged', upper, NEW),
  },
  {
    what: 'create a directory over a whiteout',
    upper: ['.wh.new', '.wh..wh.orph/staged/.wh..wh..opq'],
    lower: ['new/hidden'],
    run: () => hiding.publishOverWhiteout('staged', upper, NEW),
  },
  { what: 'move a file', upper: ['old'], lower: ['old'], run: () => move(true, false, false) },
  { what: 'move a file onto one', upper: ['old', 'new'], lower: ['old', 'new'], run: () => move(true, false, false) },
  {
    what: 'move a file onto a whiteout',
    upper: ['old', '.wh.new'],
    lower: ['old', 'new'],
    run: () => move(true, true, false),
  },
  {
    what: 'move a directory onto a whiteout',
    upper: ['old/own', 'old/.wh..wh..opq', '.wh.new'],
    lower: ['new/hidden'],
    run: () => move(false, true, true),
  },
  {
    what: 'move a directory onto one that contains whiteouts',
    upper: ['old/own', 'old/.wh..wh..opq', 'new/.wh.hidden'],
    lower: ['old/under', 'new/hidden'],
    run: () => move(true, false, true),
  },
];

function layOut({ upper: above, lower: below }: Change): void {
  for (const path of above) put(`upper/${path}`, path.includes('.wh.') ? '' : 'upper');
  for (const path of below) put(`lower/${path}`, 'lower');
}

describe.each(CHANGES)('$what', (change) => {
  it('shows the tree as before or as after between any two steps', () => {
    layOut(change);
    const states = [shown()];
    steps.before = () => {
      states.push(shown());
    };
    change.run();
    const after = shown();
    const others = states.filter(
      (state) => ![states[0], after].some((one) => JSON.stringify(one) === JSON.stringify(state)),
    );
    expect(others).toEqual([]);
  });

  it('is undone if a step fails, or has happened completely', () => {
    layOut(change);
    const before = shown();
    steps.count = 0;
    change.run();
    const after = shown();
    const number = steps.count;
    for (let failing = 1; failing <= number; failing++) {
      rmSync(join(home, 'lower'), { recursive: true });
      for (const entry of ['old', 'new', '.wh.old', '.wh.new']) {
        rmSync(join(home, 'upper', entry), { recursive: true, force: true });
      }
      closeSync(lower);
      mkdirSync(join(home, 'lower'));
      lower = openSync(join(home, 'lower'), 'r');
      work.discard('staged');
      layOut(change);
      Object.assign(steps, { count: 0, failing });
      let failed = false;
      try {
        change.run();
      } catch {
        failed = true;
      }
      steps.failing = 0;
      expect([before, after], `step ${failing} of ${number}`).toContainEqual(shown());
      if (!failed) expect(shown(), `step ${failing} of ${number}`).toEqual(after);
    }
  });
});
