import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocationFinder } from '../../../../src/server/checks/directory-location.js';
import { withoutIdmapped } from '../../../../src/server/checks/idmapped-layers.js';
import type { MountConfig } from '../../../../src/server/config/mount-config.js';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { type MountEntry, readMountinfo } from '../../../../src/sys/mountinfo.js';

let home: string;
let config: MountConfig;

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'plyfs-idmapped-')));
  mkdirSync(join(home, 'lower'));
  config = {
    ...resolveMount({ layers: { layers: [join(home, 'lower')], dataLayers: 0 } }),
    ownership: { uids: { ranges: [{ disk: 0, shown: 1, count: 1 }] } },
  };
});

afterEach(() => rmSync(home, { recursive: true }));

/** The mounts of this machine, with the lower's mount marked as idmapped, and some more. */
function mounts(...more: ((theLower: MountEntry) => MountEntry)[]): MountEntry[] {
  const all = readMountinfo();
  const { mountId } = new LocationFinder(all).find(join(home, 'lower'));
  const own = all.find(({ id }) => id === mountId) as MountEntry;
  return [
    ...all.map((entry) => (entry.device === own.device ? { ...entry, isIdmapped: true } : entry)),
    ...more.map((make) => make(own)),
  ];
}

describe('a layer on an idmapped mount', () => {
  it('keeps its path if plyfs maps no owners', () => {
    const { ownership: _, ...plain } = config;
    expect(withoutIdmapped(plain, mounts()).lowers).toEqual(config.lowers);
  });

  it('is read through another mount of its file system', () => {
    const again = (own: MountEntry): MountEntry => ({ ...own, id: 1_000_000, isIdmapped: false });
    expect(withoutIdmapped(config, mounts(again)).lowers).toEqual(config.lowers);
  });

  it('is refused if there is no other mount', () => {
    expect(() => withoutIdmapped(config, mounts())).toThrow('is only on an idmapped mount');
  });

  it('is refused if another object is at that path', () => {
    const elsewhere = (own: MountEntry): MountEntry => ({
      ...own,
      id: 1_000_000,
      isIdmapped: false,
      mountpoint: '/nowhere',
    });
    expect(() => withoutIdmapped(config, mounts(elsewhere))).toThrow('is only on an idmapped mount');
  });
});
