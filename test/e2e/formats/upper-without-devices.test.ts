/**
 * An upper on a file system that cannot hold devices 0:0: another overlay. Containers inside a container have
 * such an upper.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernelOverlayUnavailable, mountKernel, mountPlyfs, mountsUnavailable, unmount } from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

describe.skipIf(unavailable !== null)(`an upper on an overlay ${unavailable ?? ''}`, () => {
  let base: string;
  let outside: LayerDirs;
  let layers: LayerDirs;
  beforeEach(() => {
    base = makeScratch('nested');
    mkdirSync(join(base, 'outside'));
    outside = makeLayerDirs(join(base, 'outside'));
    layers = {
      ...makeLayerDirs(base),
      upper: join(outside.mountpoint, 'upper'),
      work: join(outside.mountpoint, 'work'),
    };
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    unmount(outside.mountpoint);
    removeScratch(base);
  });

  const at = (name: string): string => join(layers.mountpoint, name);

  it.each([
    ['the kernel', (dirs: LayerDirs) => void mountKernel(dirs)],
    ['plyfs', (dirs: LayerDirs) => void mountPlyfs(dirs)],
  ])('of %s keeps deleted names deleted, also when other objects replace them', (_, mountOutside) => {
    mountOutside(outside);
    for (const name of ['upper', 'work']) mkdirSync(join(outside.mountpoint, name));
    const lower = layers.lowers[0] as string;
    mkdirSync(join(lower, 'dir/sub'), { recursive: true });
    mkdirSync(join(lower, 'gone/deep'), { recursive: true });
    for (const name of ['file', 'again', 'moved', 'dir/a', 'dir/b', 'gone/f', 'gone/deep/g']) {
      writeFileSync(join(lower, name), name);
    }
    mountPlyfs(layers);
    rmSync(at('file'));
    rmSync(at('again'));
    writeFileSync(at('again'), 'new');
    renameSync(at('moved'), at('dir/arrived'));
    rmSync(at('dir/a'));
    rmSync(at('gone'), { recursive: true });
    rmSync(at('dir/sub'), { recursive: true });
    mkdirSync(at('dir/sub'));
    const tree = snapshot(layers.mountpoint);
    expect(readdirSync(layers.mountpoint).sort()).toEqual(['again', 'dir']);
    expect(readdirSync(at('dir')).sort()).toEqual(['arrived', 'b', 'sub']);
    unmount(layers.mountpoint);
    mountPlyfs(layers);
    expect(snapshot(layers.mountpoint)).toEqual(tree);
    for (const name of ['file', 'moved', 'gone', 'dir/a']) expect(existsSync(at(name))).toBe(false);
    rmSync(at('dir'), { recursive: true });
    expect(readdirSync(layers.mountpoint)).toEqual(['again']);
  });
});
