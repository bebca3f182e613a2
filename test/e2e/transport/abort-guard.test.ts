/** The guard that aborts the connection of a mount, so that a test that hangs fails. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processes } from '../../harness/machine/processes.js';
import {
  abortConnectionAfter,
  isMounted,
  type Mounted,
  mountPlyfs,
  mountsUnavailable,
  waitFor,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const CONNECTIONS = '/sys/fs/fuse/connections';
const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`the guard of a mount${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  let mounted: Mounted;
  let hadFusectl: boolean;
  const cancels: (() => void)[] = [];

  beforeEach(() => {
    hadFusectl = isMounted(CONNECTIONS);
    if (!hadFusectl) sys.mountType('fusectl', 'fusectl', CONNECTIONS, '');
    base = makeScratch('guard');
    layers = makeLayerDirs(base);
    mounted = mountPlyfs(layers);
  });
  afterEach(() => {
    for (const cancel of cancels.splice(0)) cancel();
    mounted.unmount();
    // Lazily: the guard of another mount can read it at this moment.
    if (!hadFusectl) spawnSync('umount', ['-l', CONNECTIONS]);
    removeScratch(base);
  });

  function connectionNumber(): string {
    const line =
      readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .find((each) => each.includes(base)) ?? '';
    return /^\d+ \d+ 0:(\d+) /.exec(line)?.[1] ?? '';
  }

  /** Whether the server answers. The kernel keeps no answer to statfs(2). */
  function isServed(): boolean {
    try {
      statfsSync(layers.mountpoint);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTCONN') return false;
      throw error;
    }
  }

  const guards = (number: string): unknown[] =>
    processes().filter(({ command }) => command.includes(`${CONNECTIONS}/${number} `));

  it('aborts the connection after its time', async () => {
    expect(isServed()).toBe(true);
    cancels.push(abortConnectionAfter(layers.mountpoint, 1));
    await waitFor(() => !isServed(), 'the abort');
  });

  it('leaves a later mount alone that gets the same number, and ends', async () => {
    const number = connectionNumber();
    abortConnectionAfter(layers.mountpoint, 1); // Not cancelled, as by a test that unmounts by itself.
    mounted.unmount();
    mounted = mountPlyfs(layers);
    // Usually the kernel gives the later mount the same number. Then that mount's own guard stays.
    const own = connectionNumber() === number ? 1 : 0;
    await waitFor(() => guards(number).length === own, 'the guards of the first mount to end');
    expect(isServed()).toBe(true);
  });
});
