/** statx(2) STATX_BTIME reports the time of birth of the object on disk, as on the kernel's overlayfs. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  TRANSPORT,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

/** libfuse 2 has no request for the birth time. */
const unavailable =
  mountsUnavailable() ?? kernelOverlayUnavailable() ?? (TRANSPORT === 'fuse-native' ? 'not over libfuse 2' : null);
const STATX_BASIC_STATS = 0x7ff;
const OBJECTS = ['', 'lower', 'upper', 'both', 'both/deep', 'link', 'device', 'fifo', 'hard', 'hard2'];

describe.skipIf(unavailable !== null)(`the birth time ${unavailable ?? ''}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  let mounted: Mounted | null;
  beforeEach(() => {
    base = makeScratch('birth-time');
    layers = makeLayerDirs(base);
    mounted = null;
    const lower = (name: string): string => join(base, 'lower2', name);
    sys.writeFile(lower('lower'), 'lower');
    sys.mkdir(lower('both'));
    sys.writeFile(lower('both/deep'), 'deep');
    sys.symlink('target', lower('link'));
    sys.mknod(lower('device'), sys.S_IFCHR | 0o600, 0x105);
    sys.mknod(lower('fifo'), sys.S_IFIFO | 0o600);
    sys.writeFile(lower('hard'), 'hard');
    sys.link(lower('hard'), lower('hard2'));
    sys.writeFile(join(layers.upper, 'upper'), 'upper');
    sys.mkdir(join(layers.upper, 'both'));
  });
  afterEach(() => {
    mounted?.unmount();
    removeScratch(base);
  });

  function births(mask?: number): unknown[] {
    return OBJECTS.map((name) => [name, sys.birth(join(layers.mountpoint, name), mask)]);
  }

  const mounts = {
    plyfs: (): Mounted => mountPlyfs(layers),
    'plyfs without passthrough': (): Mounted => mountPlyfs(layers, ['passthrough=off']),
    'plyfs with features': (): Mounted => mountPlyfs(layers, ['index=on', 'metacopy=on', 'redirect_dir=on']),
    'plyfs aufs': (): Mounted => mountAufs(layers),
  };

  it.each(Object.entries(mounts))("is the same on %s and on the kernel's overlayfs", (_, mount) => {
    mounted = mountKernel(layers);
    const kernel = births();
    expect(kernel).not.toContain(null);
    mounted.unmount();
    mounted = mount();
    expect(births()).toEqual(kernel);
    expect(births(STATX_BASIC_STATS)).toEqual(kernel);
    for (const name of OBJECTS) sys.statForceSync(join(layers.mountpoint, name));
    expect(births()).toEqual(kernel);
  });

  it.each(Object.entries(mounts))('is the time of the copy-up of a lower object on %s', (_, mount) => {
    mounted = mount();
    const at = (name: string): string => join(layers.mountpoint, name);
    births();
    sys.chmod(at('lower'), 0o600);
    sys.lchown(at('link'), 1, 1);
    sys.utimens(at('both/deep'), sys.NOW, sys.NOW);
    sys.chmod(at('upper'), 0o600);
    for (const name of ['lower', 'link', 'both', 'both/deep', 'upper']) {
      const real = sys.birth(join(layers.upper, name));
      expect([name, sys.birth(at(name))]).toEqual([name, real]);
      expect([name, sys.birth(at(name), STATX_BASIC_STATS)]).toEqual([name, real]);
    }
  });

  it.each(Object.entries(mounts))('is the time when an object was made on %s, also after changes of it', (_, mount) => {
    mounted = mount();
    const path = join(layers.mountpoint, 'new');
    sys.writeFile(path, 'new');
    const made = sys.birth(path);
    expect(made).toEqual(sys.birth(join(layers.upper, 'new')));
    sys.utimens(path, { sec: 5, nsec: 5 }, { sec: 5, nsec: 5 });
    sys.writeFile(path, 'more');
    sys.rename(path, `${path}2`);
    expect(sys.birth(`${path}2`, STATX_BASIC_STATS)).toEqual(made);
  });
});
