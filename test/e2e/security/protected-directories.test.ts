/**
 * Directories with real inode flags, in each layer: the errno of a refusal is that of a plain directory, also
 * if another error would apply too.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { inodeFlagsUnavailable } from '../../harness/inode-flags.js';
import {
  kernelOverlayUnavailable,
  libfuse2Lacks,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable =
  libfuse2Lacks('RENAME_EXCHANGE') ?? mountsUnavailable() ?? kernelOverlayUnavailable() ?? inodeFlagsUnavailable();
/**
 * The placement of the protected directory. 'empty': the upper has the directory, and only the lower has its
 * entries.
 */
const PLACES = ['upper', 'lower', 'merged', 'empty'] as const;

type Change = (it: string, beside: string) => unknown;
const CHANGES: Readonly<Record<string, Change>> = {
  'rmdir a directory that is not empty': (it) => sys.rmdir(`${it}/full`),
  'rmdir an empty one': (it) => sys.rmdir(`${it}/empty`),
  'rename a directory within it': (it) => sys.rename(`${it}/full`, `${it}/free`),
  'rename a directory onto one that is not empty': (it) => sys.rename(`${it}/empty`, `${it}/full`),
  'rename a directory into it, onto one that is not empty': (it, beside) => sys.rename(`${beside}/made`, `${it}/full`),
  'rename a directory into it': (it, beside) => sys.rename(`${beside}/full`, `${it}/free`),
  'rename a directory out of it': (it, beside) => sys.rename(`${it}/full`, `${beside}/free`),
  'rename a directory out of it, onto one that is not empty': (it, beside) =>
    sys.rename(`${it}/empty`, `${beside}/full`),
  'exchange two of its directories': (it) => sys.rename(`${it}/full`, `${it}/empty`, sys.RENAME_EXCHANGE),
  'rename it': (it, beside) => sys.rename(it, `${beside}/free`),
  'rename it onto a directory that is not empty': (it, beside) => sys.rename(it, `${beside}/full`),
  'rename onto it': (it, beside) => sys.rename(`${beside}/made`, it),
  'rmdir it': (it) => sys.rmdir(it),
};

/** Changes for placements where the upper has the directory and the lower has entries, or all of them. */
const MORE_CHANGES: Readonly<Record<string, Change>> = {
  'remove a file': (it) => sys.unlink(`${it}/file`),
  'rename a file within it': (it) => sys.rename(`${it}/file`, `${it}/free`),
  'rename a file within it, onto another': (it) => sys.rename(`${it}/file`, `${it}/other`),
  'rename a file into it, onto another': (it, beside) => sys.rename(`${beside}/file`, `${it}/file`),
  'rename a file out of it': (it, beside) => sys.rename(`${it}/file`, `${beside}/free`),
  'exchange a file with one beside it': (it, beside) => sys.rename(`${it}/file`, `${beside}/file`, sys.RENAME_EXCHANGE),
  'rename a directory onto an empty one': (it, beside) => sys.rename(`${beside}/made`, `${it}/empty`),
  'make a file': (it) => sys.close(sys.open(`${it}/free`, sys.O_CREAT | sys.O_RDWR)),
  'make a directory of a name that is taken': (it) => sys.mkdir(`${it}/file`),
  'make a file of a name that is taken': (it) =>
    sys.close(sys.open(`${it}/file`, sys.O_CREAT | sys.O_EXCL | sys.O_RDWR)),
  'link a file to a name that is taken': (it, beside) => sys.link(`${beside}/file`, `${it}/file`),
  'make a file without a name': (it) => sys.close(sys.open(it, sys.O_TMPFILE | sys.O_RDWR)),
};

/** Changes that give a name to an object in a directory whose upper has a whiteout of that name. */
const OVER_WHITEOUT: Readonly<Record<string, Change>> = {
  mkdir: (it) => sys.mkdir(`${it}/gone`),
  create: (it) => sys.close(sys.open(`${it}/gone`, sys.O_CREAT | sys.O_RDWR)),
  mknod: (it) => sys.mknod(`${it}/gone`, sys.S_IFIFO | 0o644),
  link: (it, beside) => sys.link(`${beside}/file`, `${it}/gone`),
  rename: (it, beside) => sys.rename(`${beside}/file`, `${it}/gone`),
  'rename a directory': (it, beside) => sys.rename(`${beside}/made`, `${it}/gone`),
};

function changesAt(place: (typeof PLACES)[number]): Readonly<Record<string, Change>> {
  return place === 'merged' || place === 'empty' ? { ...CHANGES, ...MORE_CHANGES } : CHANGES;
}

const CASES = [sys.FS_IMMUTABLE_FL, sys.FS_APPEND_FL].flatMap((flag) =>
  PLACES.flatMap((place) =>
    Object.entries(changesAt(place)).map(([title, change]) => ({
      id: `${flag === sys.FS_APPEND_FL ? 'append-only' : 'immutable'}, ${place}: ${title}`,
      flag,
      place,
      change,
    })),
  ),
);

describe.skipIf(unavailable !== null)(`directories with inode flags ${unavailable ?? ''}`, () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0).reverse()) step();
  });

  function setFlag(flag: number, path: string, on: boolean): void {
    const fd = sys.open(path, sys.O_RDONLY);
    try {
      const own = sys.getInodeFlags(fd) & ~flag;
      sys.setInodeFlags(fd, on ? own | flag : own);
    } finally {
      sys.close(fd);
    }
  }

  function fill(root: string): void {
    for (const name of ['it/full', 'it/empty', 'beside/full', 'beside/made']) {
      mkdirSync(join(root, name), { recursive: true });
    }
    for (const name of ['it/full/file', 'beside/full/file', 'it/file', 'it/other', 'beside/file']) {
      writeFileSync(join(root, name), '');
    }
  }

  /**
   * Makes a directory for each change, flag and placement. Objects beside the protected directory are in the
   * same layer as it.
   * @param isPlain true: makes all of it in the upper, for changes that are made directly there
   */
  function makeLayers(isPlain: boolean): LayerDirs {
    const base = makeScratch('protected');
    undo.push(() => removeScratch(base));
    const layers = makeLayerDirs(base);
    const [lower, upper] = [layers.lowers[0] as string, layers.upper as string];
    for (const { id, flag, place } of CASES) {
      if (place !== 'upper' && !isPlain) fill(join(lower, id));
      const it = join(place === 'lower' && !isPlain ? lower : upper, id, 'it');
      if (place === 'empty' && !isPlain) mkdirSync(it, { recursive: true });
      else if (place !== 'lower' || isPlain) fill(join(upper, id));
      setFlag(flag, it, true);
      undo.push(() => setFlag(flag, it, false));
    }
    return layers;
  }

  function outcomesIn(root: string): Record<string, unknown> {
    return Object.fromEntries(
      CASES.map(({ id, change }) => {
        const home = join(root, id);
        return [id, sys.outcome(() => change(join(home, 'it'), join(home, 'beside')))];
      }),
    );
  }

  function mounted(
    mount: (layers: LayerDirs) => Mounted,
    layers = makeLayers(false),
    outcomes = outcomesIn,
  ): Record<string, unknown> {
    const { mountpoint, unmount } = mount(layers);
    try {
      return outcomes(mountpoint);
    } finally {
      unmount();
    }
  }

  const FEATURES = ['redirect_dir=on', 'index=on', 'metacopy=on'];

  it('refuse the changes that the kernel refuses, with its errno', () => {
    const plain = outcomesIn(makeLayers(true).upper as string);
    expect(Object.values(plain).filter((outcome) => outcome === 'EPERM').length).toBeGreaterThan(100);
    /**
     * The outcomes of changes that a plain directory refuses. A union also refuses others, for its own
     * reasons.
     */
    const refused = (outcomes: Record<string, unknown>): object =>
      Object.fromEntries(Object.entries(outcomes).filter(([id]) => plain[id] === 'EPERM'));
    const kernel = mounted((layers) => mountKernel(layers));
    expect(refused(kernel)).toEqual(refused(plain));
    expect(mounted((layers) => mountPlyfs(layers))).toEqual(kernel);
    expect(refused(mounted((layers) => mountPlyfs(layers, FEATURES)))).toEqual(refused(plain));
    const layers = makeLayers(false);
    expect(refused(mounted((layers) => mountAufs(layers), layers))).toEqual(refused(plain));
    expect(whiteoutsIn(layers)).toEqual([]);
  });

  /**
   * Returns aufs whiteouts beside the entries of protected directories. A refused change must leave none
   * there.
   */
  function whiteoutsIn(layers: LayerDirs): string[] {
    return CASES.filter(({ place }) => place !== 'lower').flatMap(({ id }) =>
      readdirSync(join(layers.upper as string, id, 'it')).filter((name) => name.startsWith('.wh.')),
    );
  }

  /** Makes an append-only directory for each change, with a whiteout of `gone`. */
  function makeHidden(hide: (dir: string) => void): LayerDirs {
    const base = makeScratch('protected');
    undo.push(() => removeScratch(base));
    const layers = makeLayerDirs(base);
    const upper = layers.upper as string;
    for (const title of Object.keys(OVER_WHITEOUT)) {
      const it = join(upper, title, 'it');
      for (const dir of [it, join(upper, title, 'beside/made'), join(layers.lowers[0] as string, title, 'it')]) {
        mkdirSync(dir, { recursive: true });
      }
      writeFileSync(join(upper, title, 'beside/file'), '');
      writeFileSync(join(layers.lowers[0] as string, title, 'it/gone'), '');
      hide(it);
      setFlag(sys.FS_APPEND_FL, it, true);
      undo.push(() => setFlag(sys.FS_APPEND_FL, it, false));
    }
    return layers;
  }

  it('keep a removed name removed, if they are append-only and in the upper', () => {
    const outcomes = (root: string): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(OVER_WHITEOUT).map(([title, change]) => {
          const [it, beside] = [join(root, title, 'it'), join(root, title, 'beside')];
          const outcome = sys.outcome(() => change(it, beside));
          return [title, [outcome, existsSync(join(it, 'gone')), readdirSync(beside).sort()]];
        }),
      );
    const byDevice = (dir: string): void => sys.mknod(join(dir, 'gone'), sys.S_IFCHR);
    const byName = (dir: string): void => writeFileSync(join(dir, '.wh.gone'), '');
    const kernel = mounted((layers) => mountKernel(layers), makeHidden(byDevice), outcomes);
    expect(kernel).toEqual(
      Object.fromEntries(Object.keys(OVER_WHITEOUT).map((title) => [title, ['EPERM', false, ['file', 'made']]])),
    );
    expect(mounted((layers) => mountPlyfs(layers), makeHidden(byDevice), outcomes)).toEqual(kernel);
    expect(mounted((layers) => mountPlyfs(layers, FEATURES), makeHidden(byDevice), outcomes)).toEqual(kernel);
    const layers = makeHidden(byName);
    expect(mounted((layers) => mountAufs(layers), layers, outcomes)).toEqual(kernel);
    for (const title of Object.keys(OVER_WHITEOUT)) {
      expect(readdirSync(join(layers.upper as string, title, 'it'))).toEqual(['.wh.gone']);
    }
  });

  it('obey a flag as soon as it is changed through the mount', () => {
    const outcomes = (root: string): Record<string, unknown> => {
      const it = join(root, 'it');
      const change = (flag: number, on: boolean): string => sys.outcome(() => setFlag(flag, it, on));
      const remove = (name: string): string => sys.outcome(() => sys.unlink(join(it, name)));
      const steps = [remove('1'), change(sys.FS_APPEND_FL, true), remove('2'), change(sys.FS_APPEND_FL, false)];
      return { steps, last: remove('2'), listed: readdirSync(it) };
    };
    const makeTwoLayers = (): LayerDirs => {
      const base = makeScratch('protected');
      undo.push(() => removeScratch(base));
      const layers = makeLayerDirs(base);
      const [lower, upper] = [join(layers.lowers[0] as string, 'it'), join(layers.upper as string, 'it')];
      for (const dir of [lower, upper]) mkdirSync(dir);
      for (const name of ['1', '2', '3']) writeFileSync(join(lower, name), '');
      undo.push(() => setFlag(sys.FS_APPEND_FL, upper, false));
      return layers;
    };
    const kernel = mounted((layers) => mountKernel(layers), makeTwoLayers(), outcomes);
    expect(kernel).toEqual({ steps: ['ok', 'ok', 'EPERM', 'ok'], last: 'ok', listed: ['3'] });
    expect(mounted((layers) => mountPlyfs(layers), makeTwoLayers(), outcomes)).toEqual(kernel);
    expect(mounted((layers) => mountAufs(layers), makeTwoLayers(), outcomes)).toEqual(kernel);
  });
});
