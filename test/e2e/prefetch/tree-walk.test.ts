/**
 * The server starts a thread that reads ahead of a tree walk when that is useful, and ends it with the mount.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMounted, mountForeground, mountsUnavailable, unmount } from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';

const unavailable = mountsUnavailable();
const DIRECTORIES = 150;

function threadsOf(server: ChildProcess): number {
  return readdirSync(`/proc/${server.pid}/task`).length;
}

describe.skipIf(unavailable !== null)(`a walk${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let layers: LayerDirs;
  beforeAll(() => {
    base = makeScratch('scout');
    layers = makeLayerDirs(base);
    for (let i = 0; i < DIRECTORIES; i++) {
      const layer = layers.lowers[i % 3] as string;
      const directory = join(layer, `tree/d${i % 50}/e${i}`);
      mkdirSync(directory, { recursive: true });
      for (let file = 0; file < 10; file++) writeFileSync(join(directory, `f${file}`), 'x');
    }
  });
  afterAll(() => {
    if (isMounted(layers.mountpoint)) unmount(layers.mountpoint);
    removeScratch(base);
  });

  it('of a tree makes the server start the prefetch thread, shows all files, and lets the server end normally', async () => {
    const mounted = await mountForeground(layers);
    const before = threadsOf(mounted.server);
    const found = execFileSync('find', [join(layers.mountpoint, 'tree'), '-type', 'f'], { encoding: 'utf8' });
    expect(found.trim().split('\n')).toHaveLength(DIRECTORIES * 10);
    expect(threadsOf(mounted.server)).toBeGreaterThan(before);
    const ended = once(mounted.server, 'exit');
    mounted.unmount();
    expect(await ended).toEqual([0, null]);
  });
});
