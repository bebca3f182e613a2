/**
 * Limits of the upper's file system that a conformance case cannot reach. plyfs behaves as the kernel's
 * overlayfs.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
/** EXT4_LINK_MAX (fs/ext4/ext4.h). */
const LINK_MAX = 65_000;

function run(program: string, ...args: string[]): string | null {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  return done.status === 0 ? null : `${program}: ${done.error?.message ?? done.stderr.trim()}`;
}

describe.skipIf(unavailable !== null)(
  `limits of the upper's file system${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    let base: string;
    let disk: string;
    let layers: WritableLayerDirs;
    let mounted: Mounted | null = null;
    beforeEach(() => {
      base = makeScratch('limits');
      disk = join(base, 'disk');
      sys.mkdir(disk);
      const made = makeLayerDirs(base);
      layers = { ...made, upper: join(disk, 'upper'), work: join(disk, 'work') };
    });
    afterEach(() => {
      mounted?.unmount();
      mounted = null;
      unmount(disk);
      removeScratch(base);
    });

    it('make a link to a file with the largest link count fail with EMLINK, on the kernel and on plyfs', ({ skip }) => {
      const image = join(base, 'image');
      sys.writeFile(image, '');
      sys.truncate(image, 16 << 20);
      // 65,000 links take long to make, so the test sets the link count on the disk.
      const failed =
        run('mkfs.ext4', '-q', image) ??
        run('mount', '-o', 'loop', image, disk) ??
        run('sh', '-c', `mkdir '${layers.upper}' '${layers.work}' && echo content > '${layers.upper}/f'`) ??
        run('umount', disk) ??
        run('debugfs', '-w', '-R', `set_inode_field upper/f links_count ${LINK_MAX}`, image) ??
        run('mount', '-o', 'loop', image, disk);
      if (failed !== null) skip(failed);
      for (const mount of [mountKernel, mountPlyfs, mountAufs]) {
        mounted = mount(layers);
        const at = (name: string): string => join(layers.mountpoint, name);
        expect(sys.stat(at('f')).nlink).toBe(LINK_MAX);
        expect(sys.outcome(() => sys.link(at('f'), at('more')))).toBe('EMLINK');
        expect(sys.outcome(() => sys.lstat(at('more')))).toBe('ENOENT');
        expect(sys.outcome(() => sys.lstat(join(layers.upper, 'more')))).toBe('ENOENT');
        expect(sys.readFile(at('f'))).toBe('content\n');
        mounted.unmount();
        mounted = null;
      }
    });
  },
);
