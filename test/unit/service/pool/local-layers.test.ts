import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { areLocal, deviceOf } from '../../../../src/service/pool/local-layers.js';

/** As if the service's root were this file system: `/` counts as local then. */
const ROOT = deviceOf('/');

const dir = mkdtempSync('/dev/shm/plyfs-local-');
mkdirSync(join(dir, 'm'));
afterAll(() => rmSync(dir, { recursive: true }));

function config(lowers: readonly string[], mountpoint = join(dir, 'm')): ReturnType<typeof resolveMount> {
  return resolveMount({ mountpoint, layers: { layers: lowers, dataLayers: 0 } });
}

describe('areLocal', () => {
  it('is true if all layers and the mountpoint are on tmpfs', () => {
    expect(areLocal(config([dir]), ROOT)).toBe(true);
  });

  it.each([
    ['a layer', config([dir, '/proc'])],
    ['the upper', { ...config([dir]), upper: '/proc' }],
    ['the mountpoint', config([dir], '/proc')],
  ])('is false if %s is on a file system of another type', (_, tested) => {
    expect(areLocal(tested, ROOT)).toBe(false);
  });

  it('is false if the way to a layer leads through such a file system, by a symlink or without', () => {
    symlinkSync(`/proc/self/root${dir}`, join(dir, 'link'));
    symlinkSync('link', join(dir, 'link2'));
    expect(areLocal(config([`/proc/self/root${dir}`]), ROOT)).toBe(false);
    expect(areLocal(config([join(dir, 'link2')]), ROOT)).toBe(false);
    symlinkSync('m', join(dir, 'good'));
    expect(areLocal(config([join(dir, 'good')]), ROOT)).toBe(true);
  });

  it('does not look at a mountpoint that the caller has mounted already', () => {
    expect(areLocal({ ...config([dir], join(tmpdir(), 'missing')), deviceFd: 5 }, ROOT)).toBe(true);
  });

  it('throws ENOENT for a layer that is missing', () => {
    expect(() => areLocal(config([join(dir, 'missing')]), ROOT)).toThrow('ENOENT');
  });
});
