import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MessageMemory } from '../../../../src/fuse/wire/message-memory.js';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { openLayers } from '../../../../src/server/serving/open-layers.js';
import { WarmRound } from '../../../../src/service/warm/warm-round.js';
import { DIRECTORIES, FILES, WarmTree } from '../../../../src/service/warm/warm-tree.js';
import { warmUp } from '../../../../src/service/warm/warm-up.js';

const config = resolveMount({ mountpoint: '/', layers: { layers: [], dataLayers: 0 } });

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // The fd of the listing itself.
    }
  });
}

describe('warmUp', () => {
  it('serves rounds until it is over, and leaves no file and no fd', () => {
    const before = openFiles().length;
    let calls = 0;
    expect(warmUp(config, new MessageMemory(), () => ++calls === 3)).toBe(3);
    expect(openFiles().filter((path) => path.includes('plyfs-warm'))).toEqual([]);
    expect(openFiles().length).toBeLessThanOrEqual(before);
    expect(readdirSync('/dev/shm').filter((name) => name.startsWith(`plyfs-warm-${process.pid}-`))).toEqual([]);
  });

  it('reaches every file, and each change succeeds', () => {
    const tree = WarmTree.make();
    try {
      const memory = new MessageMemory();
      const round = new WarmRound(
        openLayers(tree.applyTo(config), () => {}),
        memory,
      );
      round.run(1);
      expect(round.failures).toEqual([]);
      expect(round.filesRead).toBe(DIRECTORIES * FILES);
    } finally {
      tree.remove();
    }
  });
});
