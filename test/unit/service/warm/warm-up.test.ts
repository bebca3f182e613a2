import { closeSync, existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MessageMemory } from '../../../../src/fuse/wire/message-memory.js';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { openLayers } from '../../../../src/server/serving/open-layers.js';
import { WarmRound } from '../../../../src/service/warm/warm-round.js';
import { openWarmSession } from '../../../../src/service/warm/warm-session.js';
import { fileCount, WarmTree } from '../../../../src/service/warm/warm-tree.js';
import { warmUp } from '../../../../src/service/warm/warm-up.js';
import { PrefetchThreads } from '../../../../src/union/prefetch/prefetch-threads.js';

/** The beginning of the names of our trees. */
const NAMESPACE = `plyfs-warm-${statSync('/proc/self/ns/pid').ino}-`;
const OURS = `${NAMESPACE}${process.pid}-`;

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
    const walked: string[] = [];
    // A prefetch thread that does nothing but own the fds of its orders.
    const prefetchThreads = new PrefetchThreads(() => ({
      isAlive: true,
      send: ({ roots }) => {
        for (const fd of roots) walked.push(readlinkSync(`/proc/self/fd/${fd}`));
        roots.forEach(closeSync);
      },
      end: () => {},
    }));
    let calls = 0;
    const { rounds, kept } = warmUp(config, { memory: new MessageMemory(), prefetchThreads }, () => ++calls === 3);
    expect(rounds).toBe(3);
    // V8 throws compiled code away when it frees the last object of a class.
    expect(kept.map(({ nodeCount }) => nodeCount > 10)).toEqual([true, true]);
    expect(walked.length).toBeGreaterThan(0);
    expect(new Set(walked.map((path) => basename(path)))).toEqual(new Set(['lower1', 'lower2']));
    expect(openFiles().filter((path) => path.includes('plyfs-warm'))).toEqual([]);
    expect(openFiles().length).toBeLessThanOrEqual(before);
    expect(readdirSync('/dev/shm').filter((name) => name.startsWith(OURS))).toEqual([]);
  });

  it('reaches every file, and each change succeeds', () => {
    const tree = WarmTree.make();
    try {
      const memory = new MessageMemory();
      const ofTree = tree.applyTo(config);
      const session = openWarmSession(
        ofTree,
        openLayers(ofTree, () => {}),
        memory,
        true,
      );
      const round = new WarmRound(session, memory);
      round.run(1);
      expect(round.failures).toEqual([]);
      expect(round.read.size).toBe(fileCount());
    } finally {
      tree.remove();
    }
  });

  it('removes the trees of processes that were killed, and no others', () => {
    // Higher than any process id (man proc_sys_kernel(5), pid_max).
    const dead = `/dev/shm/${NAMESPACE}5000000-abcdef`;
    const living = `/dev/shm/${NAMESPACE}1-abcdef`;
    const elsewhere = '/dev/shm/plyfs-warm-1-5000000-abcdef';
    for (const path of [dead, living, elsewhere]) mkdirSync(`${path}/upper`, { recursive: true });
    try {
      WarmTree.make().remove();
      expect([dead, living, elsewhere].map((path) => existsSync(path))).toEqual([false, true, true]);
    } finally {
      for (const path of [dead, living, elsewhere]) rmSync(path, { recursive: true, force: true });
    }
  });
});
