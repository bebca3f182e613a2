/**
 * The server's memory is small when the server is idle, and is freed when the kernel has forgotten the nodes.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ForegroundMount,
  mountForeground,
  mountsUnavailable,
  TRANSPORT,
  unmountLayers,
  waitFor,
} from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const DROP_CACHES = '/proc/sys/vm/drop_caches';
const MB = 1 << 20;

/** With fuse-native, another process serves the mount, and no code frees its heap when idle. */
const unavailable = mountsUnavailable() ?? (TRANSPORT === 'fuse-native' ? 'only for the default transport' : null);

function dropUnavailable(): string | null {
  try {
    accessSync(DROP_CACHES, constants.W_OK);
    return null;
  } catch {
    return `${DROP_CACHES} cannot be written`;
  }
}

const DIRECTORIES = 100;
const FILES = 250;

describe.skipIf(unavailable !== null)(`the server's memory${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let layers: LayerDirs;
  let mounted: ForegroundMount | undefined;
  let ownMount: string | undefined;
  beforeEach(() => {
    base = makeScratch('memory');
    layers = makeLayerDirs(base);
  });
  afterEach(async () => {
    mounted?.unmount();
    mounted = undefined;
    if (ownMount !== undefined) await unmountLayers(ownMount);
    ownMount = undefined;
    removeScratch(base);
  });

  /** Returns the bytes of `field` in /proc/PID/status. */
  function memory(field: 'VmRSS' | 'RssAnon'): number {
    const status = readFileSync(`/proc/${mounted?.server.pid}/status`, 'latin1');
    return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  }

  /** Calls stat(2) for every name of `directory`. */
  function list(directory: string): string[] {
    const found = sys.listNames(directory).map((name) => join(directory, name));
    for (const path of found) sys.lstat(path);
    return found;
  }

  it('is at most 80 MiB directly after the mount', async () => {
    mounted = await mountForeground(layers);
    expect(list(layers.mountpoint)).toEqual([]);
    expect(memory('VmRSS')).toBeLessThan(80 * MB);
  });

  const cannotDrop = dropUnavailable();
  it.skipIf(cannotDrop !== null)(
    `is freed after a walk when the kernel drops its caches ${cannotDrop ?? ''}`,
    async () => {
      // A tmpfs is quick to fill and to remove.
      const lower = join(base, 'lower1');
      expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', lower]).status).toBe(0);
      ownMount = lower;
      for (let d = 0; d < DIRECTORIES; d++) {
        const directory = join(lower, `directory-${d}`);
        mkdirSync(directory);
        for (let f = 0; f < FILES; f++) writeFileSync(join(directory, `file-${f}`), '');
      }
      mounted = await mountForeground(layers);
      list(layers.mountpoint);
      // Compiled code and buffers are not part of the memory of nodes.
      list(join(layers.mountpoint, 'directory-0'));
      const before = memory('RssAnon');
      for (const directory of list(layers.mountpoint)) list(directory);
      const walked = memory('RssAnon');
      expect(walked - before).toBeGreaterThan(4 * MB);
      writeFileSync(DROP_CACHES, '2');
      await waitFor(() => memory('RssAnon') - before < (walked - before) / 2, 'memory to be freed');
      expect(list(join(layers.mountpoint, 'directory-1'))).toHaveLength(FILES);
    },
  );
});
