/**
 * Whiteouts that are an attribute of an empty file (`overlay.whiteout`), in layers that the kernel and plyfs
 * read.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  unmount,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const NAMES = ['file', 'full', 'dir', 'over-dir', 'nested/file', 'merged/file', 'lowest/file', 'kept'];

describe.skipIf(unavailable !== null)(`whiteouts in an attribute ${unavailable ?? ''}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  beforeEach(() => {
    base = makeScratch('xwhiteouts');
    layers = makeLayerDirs(base);
    const [top, middle, bottom] = layers.lowers as [string, string, string];
    for (const layer of [layers.upper, top, middle, bottom]) {
      mkdirSync(join(layer, 'd/merged'), { recursive: true });
      mkdirSync(join(layer, 'd/nested'));
    }
    for (const name of NAMES) put(bottom, name, 'bottom');
    mkdirSync(join(bottom, 'd/under'));
    mkdirSync(join(bottom, 'd/under/old'));
    mkdirSync(join(bottom, 'd/d2'));
    put(middle, 'kept', 'middle');
    for (const name of ['file', 'dir', 'over-dir', 'nested/file', 'merged/file', 'under']) hide(middle, name);
    put(middle, 'full', 'not empty');
    sys.setxattr(join(middle, 'd/full'), 'trusted.overlay.whiteout', '');
    mkdirSync(join(top, 'd/over-dir'));
    hide(bottom, 'lowest/hidden');
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    removeScratch(base);
  });

  function put(layer: string, name: string, text: string): void {
    mkdirSync(dirname(join(layer, 'd', name)), { recursive: true });
    writeFileSync(join(layer, 'd', name), text);
  }

  function hide(layer: string, name: string): void {
    put(layer, name, '');
    sys.setxattr(join(layer, 'd', name), 'trusted.overlay.whiteout', '');
  }

  function mark(...dirs: readonly string[]): void {
    for (const dir of dirs) sys.setxattr(join(layers.lowers[1] as string, dir), 'trusted.overlay.opaque', 'x');
  }

  const found = (): string[] =>
    [...NAMES, 'under', 'under/old', 'lowest/hidden'].filter((name) => existsSync(join(layers.mountpoint, 'd', name)));
  const listed = (): string[] => (readdirSync(join(layers.mountpoint, 'd'), { recursive: true }) as string[]).sort();

  function inKernel<T>(look: () => T): T {
    const args = ['-t', 'overlay', 'overlay', '-o', `ro,${overlayOptions(layers, ['uuid=null'])}`, layers.mountpoint];
    expect(spawnSync('mount', args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    const result = look();
    unmount(layers.mountpoint);
    return result;
  }

  it('hide the names that the kernel hides, in marked directories', () => {
    mark('', 'd', 'd/nested', 'd/merged');
    const wanted = inKernel(() => ({ found: found(), listed: listed() }));
    mountPlyfs(layers);
    expect({ found: found(), listed: listed().filter((name) => name !== 'lowest/hidden') }).toEqual({
      ...wanted,
      // The lowest layer has nothing to hide, and no program marks it. There the kernel lists the name, and
      // does not find it.
      listed: wanted.listed.filter((name) => name !== 'lowest/hidden'),
    });
    expect(found()).not.toContain('file');
    expect(listed()).not.toContain('file');
  });

  it('are listed but not found in an unmarked directory, as in the kernel', () => {
    const wanted = inKernel(found);
    mountPlyfs(layers);
    expect(found()).toEqual(wanted);
    expect(found()).not.toContain('nested/file');
    // The names stay hidden after a listing, which returns the attributes of most names.
    spawnSync('ls', ['-lR', layers.mountpoint]);
    expect(found()).toEqual(wanted);
  });

  it('can be replaced, and the kernel shows the new objects too', () => {
    mark('', 'd', 'd/nested', 'd/merged');
    const mounted = mountPlyfs(layers);
    const at = (name: string): string => join(layers.mountpoint, 'd', name);
    mkdirSync(at('under'));
    writeFileSync(at('file'), 'new');
    sys.unlink(at('kept'));
    const ours = { found: found(), under: readdirSync(at('under')) };
    mounted.unmount();
    expect(ours.under).toEqual([]);
    expect(inKernel(() => ({ found: found(), under: readdirSync(at('under')) }))).toEqual(ours);
  });
});
