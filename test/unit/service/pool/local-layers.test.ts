import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { areLocal, deviceOf } from '../../../../src/service/pool/local-layers.js';

/** Not the device of any file system. */
const NO_DEVICE = '0:0';

const dir = mkdtempSync('/dev/shm/plyfs-local-');
mkdirSync(join(dir, 'm'));
afterAll(() => rmSync(dir, { recursive: true }));

function config(lowers: readonly string[], mountpoint = join(dir, 'm')): ReturnType<typeof resolveMount> {
  return resolveMount({ mountpoint, layers: { layers: lowers, dataLayers: 0 } });
}

describe('areLocal', () => {
  it('is true if all layers and the mountpoint are on tmpfs', () => {
    expect(areLocal(config([dir]), NO_DEVICE)).toBe(true);
  });

  it.each([
    ['a layer', config([dir, '/proc'])],
    ['the upper', { ...config([dir]), upper: '/proc' }],
    ['the mountpoint', config([dir], '/proc')],
  ])('is false if %s is on a file system of another type', (_, tested) => {
    expect(areLocal(tested, NO_DEVICE)).toBe(false);
  });

  it('is true for the file system of the own root, of whatever type it is', () => {
    expect(areLocal(config(['/proc']), deviceOf('/proc'))).toBe(true);
  });

  it('does not look at a mountpoint that the caller has mounted already', () => {
    expect(areLocal({ ...config([dir], join(tmpdir(), 'missing')), deviceFd: 5 }, NO_DEVICE)).toBe(true);
  });

  it('throws ENOENT for a layer that is missing', () => {
    expect(() => areLocal(config([join(dir, 'missing')]), NO_DEVICE)).toThrow('ENOENT');
  });
});
