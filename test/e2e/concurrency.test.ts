/** Many processes at once leave what they would leave one after the other. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { materialize } from '../conformance/materialize.js';
import { type Mounted, mountPlyfs, mountsUnavailable } from '../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../harness/scratch.js';
import { snapshot } from '../harness/snapshot.js';
import { BUSY, busyTree, ended, startScript } from './harness/workload.js';

const unavailable = mountsUnavailable();
const WORKERS = 4;
const NAMES = 120;
/** Goes over the whole tree until a name is gone; what it meets on the way may vanish under it. */
const WATCH = 'while [ -e "$1/running" ]; do ls -lR "$1"; find "$1" -type f -exec cat {} +; done 2> /dev/null || true';

describe.skipIf(unavailable !== null)(`concurrency${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let mounted: Mounted;
  let plain: string;
  beforeEach(() => {
    base = makeScratch('concurrency');
    const layers = makeLayerDirs(base);
    plain = join(base, 'plain');
    mkdirSync(plain);
    const tree = { ...busyTree(WORKERS, NAMES), running: '' };
    materialize(plain, tree);
    materialize(join(base, 'lower1'), tree);
    mounted = mountPlyfs(layers);
  });
  afterEach(() => {
    mounted?.unmount();
    removeScratch(base);
  });

  it('four writers and two readers at once', async () => {
    const watchers = [1, 2].map(() => startScript(WATCH, mounted.mountpoint));
    const writers = Array.from({ length: WORKERS }, (_, i) => startScript(BUSY, mounted.mountpoint, String(i)));
    expect(await Promise.all(writers.map(ended))).toEqual(writers.map(() => 0));
    const stop = startScript('rm "$1/running"', mounted.mountpoint);
    expect(await Promise.all([stop, ...watchers].map(ended))).toEqual([0, 0, 0]);

    for (let i = 0; i < WORKERS; i++) expect(await ended(startScript(BUSY, plain, String(i)))).toBe(0);
    expect(await ended(startScript('rm "$1/running"', plain))).toBe(0);
    const options = { without: ['mtime'] } as const;
    expect(snapshot(mounted.mountpoint, options)).toEqual(snapshot(plain, options));
  });
});
