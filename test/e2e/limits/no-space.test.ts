/** An upper without room: the caller gets ENOSPC and the tree is unchanged, as on the kernel's overlayfs. */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
  unmountLayers,
  waitFor,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { fillLarge } from '../harness/large-file.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const MEBI = 1 << 20;

describe.skipIf(unavailable !== null)(
  `no space in an upper of 4 MiB${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    describe.each([
      { name: 'kernel overlayfs', mount: mountKernel },
      { name: 'plyfs', mount: mountPlyfs },
    ])('$name', ({ mount }) => {
      let base: string;
      let small: string;
      let layers: WritableLayerDirs;
      let mounted: Mounted;
      beforeEach(() => {
        base = makeScratch('no-space');
        small = join(base, 'small');
        sys.mkdir(small);
        expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=755', 'plyfs-test', small]).status).toBe(0);
        sys.mkdir(join(small, 'upper'));
        sys.mkdir(join(small, 'work'));
        layers = { ...makeLayerDirs(base), upper: join(small, 'upper'), work: join(small, 'work') };
        sys.mkdir(join(base, 'lower1', 'dir'));
        fillLarge(join(base, 'lower1', 'dir', 'big'), 8 * MEBI);
        sys.writeFile(join(base, 'lower1', 'dir', 'little'), 'content');
        mounted = mount(layers);
      });
      afterEach(async () => {
        unmount(layers.mountpoint);
        await unmountLayers(small);
        removeScratch(base);
      });
      const at = (path: string): string => join(mounted.mountpoint, path);

      it('fails a copy-up that does not fit, and leaves nothing of it', () => {
        expect(sys.outcome(() => sys.open(at('dir/big'), sys.O_RDWR))).toBe('ENOSPC');
        expect(sys.outcome(() => sys.truncate(at('dir/big'), 7 * MEBI))).toBe('ENOSPC');
        expect(sys.outcome(() => sys.rename(at('dir/big'), at('dir/moved')))).toBe('ENOSPC');
        expect(sys.stat(at('dir/big')).size).toBe(8 * MEBI);
        expect(sys.readFile(at('dir/big')).slice(-30)).not.toBe('');
        expect(readdirSync(at('dir')).sort()).toEqual(['big', 'little']);
        expect(sys.outcome(() => sys.lstat(join(layers.upper, 'dir', 'big')))).toBe('ENOENT');
        expect(readdirSync(join(layers.work, 'work'))).toEqual([]);
      });

      it('lets smaller operations succeed afterwards', () => {
        expect(sys.outcome(() => sys.open(at('dir/big'), sys.O_RDWR))).toBe('ENOSPC');
        sys.writeFile(at('dir/little'), 'changed');
        expect(sys.readFile(at('dir/little'))).toBe('changed');
        // These operations copy no data.
        sys.writeFile(at('dir/big'), 'ten bytes.');
        expect(sys.stat(at('dir/big')).size).toBe(10);
        sys.unlink(at('dir/big'));
        expect(readdirSync(at('dir'))).toEqual(['little']);
      });

      it('fails a write that does not fit with ENOSPC, until a removal makes room', async () => {
        const fd = sys.open(at('new'), sys.O_CREAT | sys.O_WRONLY);
        const block = Buffer.alloc(MEBI, 0x41);
        let written = 0;
        const outcome = sys.outcome(() => {
          for (let i = 0; i < 10; i++) written += sys.pwrite(fd, block, written);
        });
        sys.close(fd);
        expect(outcome).toBe('ENOSPC');
        expect(sys.stat(at('new')).size).toBe(written);
        rmSync(at('new'));
        // The kernel releases an unlinked file of a FUSE server a moment after the unlink.
        await waitFor(() => sys.outcome(() => sys.writeFile(at('again'), 'there is room')) === 'ok', 'room');
        expect(sys.readFile(at('again'))).toBe('there is room');
      });
    });
  },
);
