/** A tree with more directories than the limit of open files of a process. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ForegroundMount, mountForeground, mountsUnavailable } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();
const OUTER = 160;
const INNER = 150;
/** The usual limit of open files of a process. The server stays well below. */
const OPEN_FILES = 20_000;

describe.skipIf(unavailable !== null)(`many directories${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let mounted: ForegroundMount;
  beforeEach(async () => {
    base = makeScratch('many');
    const layers = makeLayerDirs(base);
    for (let i = 0; i < OUTER; i++) {
      sys.mkdir(join(base, 'lower1', `d${i}`));
      for (let j = 0; j < INNER; j++) sys.mkdir(join(base, 'lower1', `d${i}`, `e${j}`));
    }
    mounted = await mountForeground(layers);
  });
  afterEach(async () => {
    mounted?.unmount();
    if (mounted !== undefined && mounted.server.exitCode === null) await once(mounted.server, 'exit');
    removeScratch(base);
  });

  it('can be walked and changed with few files open in the server', () => {
    const find = (): number =>
      spawnSync('find', [mounted.mountpoint, '-type', 'd'], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout.split('\n')
        .length - 2;
    expect(find()).toBe(OUTER * (INNER + 1));
    for (let i = 0; i < OUTER; i++) sys.writeFile(join(mounted.mountpoint, `d${i}`, 'e7', 'new'), String(i));
    expect(find()).toBe(OUTER * (INNER + 1));
    for (let i = 0; i < OUTER; i++) {
      expect(sys.readFile(join(mounted.mountpoint, `d${i}`, 'e7', 'new'))).toBe(String(i));
    }
    expect(readdirSync(`/proc/${mounted.server.pid}/fd`).length).toBeLessThan(OPEN_FILES / 2);
  });
});
