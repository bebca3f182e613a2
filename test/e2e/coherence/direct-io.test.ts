/**
 * O_DIRECT in a program that clears the flag for the tail of a file, and on layers that do not support it.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Mounted, mountPlyfs, mountsUnavailable, TRANSPORT, unmountLayers } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`O_DIRECT ${unavailable ?? ''}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  let mounted: Mounted | null;
  let onRam: boolean;
  beforeEach(() => {
    base = makeScratch('direct-io');
    mounted = null;
    onRam = false;
  });
  afterEach(async () => {
    mounted?.unmount();
    if (onRam) await unmountLayers(base);
    removeScratch(base);
  });

  it('lets dd write a file whose size is not a multiple of the block size', () => {
    layers = makeLayerDirs(base);
    mounted = mountPlyfs(layers);
    const content = Buffer.alloc(100_001, 'dd');
    const to = join(mounted.mountpoint, 'copy');
    const { status, stderr } = spawnSync(
      'dd',
      [`of=${to}`, 'oflag=direct', 'bs=64k', 'iflag=fullblock', 'status=none'],
      {
        input: content,
        encoding: 'utf8',
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(join(layers.upper, 'copy')).equals(content)).toBe(true);
    expect(readFileSync(to).equals(content)).toBe(true);
  });

  it.skipIf(TRANSPORT === 'fuse-native')('does not fail with EIO on a file system that does not support it', () => {
    expect(spawnSync('mount', ['-t', 'ramfs', 'ramfs', base]).status).toBe(0);
    onRam = true;
    layers = makeLayerDirs(base);
    sys.writeFile(join(layers.upper, 'f'), 'content');
    expect(sys.outcome(() => sys.open(join(layers.upper, 'f'), sys.O_RDONLY | sys.O_DIRECT))).toBe('EINVAL');
    mounted = mountPlyfs(layers);
    const path = join(mounted.mountpoint, 'f');
    const direct = sys.open(path, sys.O_RDWR | sys.O_DIRECT);
    sys.pwrite(direct, 'C', 0);
    expect(sys.pread(direct, 3, 0).toString()).toBe('Con');
    sys.close(direct);
    const reader = sys.open(path, sys.O_RDONLY);
    try {
      expect(sys.outcome(() => sys.open(path, sys.O_RDWR | sys.O_DIRECT))).toBe('EINVAL');
    } finally {
      sys.close(reader);
    }
  });
});
