/**
 * Directories with real inode flags, in whichever layer: each refusal as on a plain directory, whatever else is wrong.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { inodeFlagsUnavailable } from '../harness/inode-flags.js';
import {
  kernelOverlayUnavailable,
  libfuse2Lacks,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../harness/scratch.js';
import * as sys from '../harness/sys/index.js';

const unavailable =
  libfuse2Lacks('RENAME_EXCHANGE') ?? mountsUnavailable() ?? kernelOverlayUnavailable() ?? inodeFlagsUnavailable();
const PLACES = ['upper', 'lower', 'merged'] as const;

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

const CASES = [sys.FS_IMMUTABLE_FL, sys.FS_APPEND_FL].flatMap((flag) =>
  PLACES.flatMap((place) =>
    Object.entries(CHANGES).map(([title, change]) => ({
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
    for (const name of ['it/full', 'beside/full']) writeFileSync(join(root, name, 'file'), '');
  }

  /**
   * A directory for each change, flag and place; what is changed beside the protected one lies where that lies.
   * @param isPlain all of it in the upper, for changes that are made there
   */
  function makeLayers(isPlain: boolean): LayerDirs {
    const base = makeScratch('protected');
    undo.push(() => removeScratch(base));
    const layers = makeLayerDirs(base);
    const [lower, upper] = [layers.lowers[0] as string, layers.upper as string];
    for (const { id, flag, place } of CASES) {
      if (place !== 'upper' && !isPlain) fill(join(lower, id));
      if (place !== 'lower' || isPlain) fill(join(upper, id));
      const it = join(place === 'lower' && !isPlain ? lower : upper, id, 'it');
      setFlag(flag, it, true);
      undo.push(() => setFlag(flag, it, false));
    }
    return layers;
  }

  function outcomes(root: string): Record<string, unknown> {
    return Object.fromEntries(
      CASES.map(({ id, change }) => {
        const home = join(root, id);
        return [id, sys.outcome(() => change(join(home, 'it'), join(home, 'beside')))];
      }),
    );
  }

  function mounted(mount: (layers: LayerDirs) => Mounted): Record<string, unknown> {
    const { mountpoint, unmount } = mount(makeLayers(false));
    try {
      return outcomes(mountpoint);
    } finally {
      unmount();
    }
  }

  const FEATURES = ['redirect_dir=on', 'index=on'];

  it('refuse what the kernel refuses, with its errno', () => {
    const plain = outcomes(makeLayers(true).upper as string);
    expect(Object.values(plain).filter((outcome) => outcome === 'EPERM').length).toBeGreaterThan(40);
    /** Those that are refused on a plain directory: whatever else a union refuses for its own reasons. */
    const refused = (outcomes: Record<string, unknown>): object =>
      Object.fromEntries(Object.entries(outcomes).filter(([id]) => plain[id] === 'EPERM'));
    const kernel = mounted((layers) => mountKernel(layers));
    expect(refused(kernel)).toEqual(refused(plain));
    expect(mounted((layers) => mountPlyfs(layers))).toEqual(kernel);
    for (const mount of [
      (layers: LayerDirs) => mountPlyfs(layers, FEATURES),
      (layers: LayerDirs) => mountAufs(layers),
    ]) {
      expect(refused(mounted(mount))).toEqual(refused(plain));
    }
  });
});
