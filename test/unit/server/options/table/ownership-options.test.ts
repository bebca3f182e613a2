import { describe, expect, it } from 'vitest';
import type { MountConfig } from '../../../../../src/server/config/mount-config.js';
import type { OptionValues } from '../../../../../src/server/options/kinds/option-entry.js';
import { splitOptions } from '../../../../../src/server/options/kinds/option-list.js';
import { readOptions } from '../../../../../src/server/options/read-options.js';
import { resolveMount } from '../../../../../src/server/options/resolve-mount.js';

function apply(list: string): MountConfig & { unknown: readonly string[] } {
  const values: OptionValues = {};
  const { unknown } = readOptions(splitOptions(`lowerdir=/l,${list}`), values);
  return { ...resolveMount(values), unknown };
}

const RANGE = { disk: 0, shown: 100_000, count: 65_536 };

describe('options of ownership and shown attributes', () => {
  it('set nothing if they are not given', () => {
    expect(apply('')).not.toHaveProperty('ownership');
  });

  it.each(['0:100000:65536', ':0:100000:65536', '0:100000:65536:'])(
    '%s is a mapping, as podman writes it',
    (ranges) => {
      expect(apply(`uidmapping=${ranges},gidmapping=${ranges}`)).toMatchObject({
        unknown: [],
        ownership: { uids: { ranges: [RANGE] }, gids: { ranges: [RANGE] } },
      });
    },
  );

  it('a mapping can have several ranges, as podman gives them for --userns=keep-id', () => {
    expect(apply('uidmapping=:0:1:1005:1005:0:1:1006:1006:64531').ownership).toEqual({
      uids: {
        ranges: [
          { disk: 0, shown: 1, count: 1005 },
          { disk: 1005, shown: 0, count: 1 },
          { disk: 1006, shown: 1006, count: 64_531 },
        ],
      },
    });
  });

  it.each([
    ['uidmapping=0:1', 'must be three numbers'],
    ['uidmapping=', 'must be three numbers'],
    ['gidmapping=a:b:c', 'must be a whole number'],
    ['uidmapping=0:1:0', 'a range of no ids'],
    ['uidmapping=0:4294967290:10', 'ids end at 4294967294'],
    ['uidmapping=0:100:10:5:200:10', 'two of the ranges have ids in common'],
    ['uidmapping=0:100:10:50:105:10', 'two of the ranges have ids in common'],
    ['squash_to_uid=-1', 'must be a whole number'],
    ['squash_to_gid=4294967295', 'must be a whole number'],
    ['noxattrs=yes', 'must be 0 or 1'],
  ])('%s is refused: %s', (list, why) => {
    expect(() => apply(list)).toThrow(why);
  });

  it.each([
    ['squash_to_root', { uids: { all: 0 }, gids: { all: 0 } }],
    ['squash_to_uid=7', { uids: { all: 7 } }],
    ['squash_to_uid=7,squash_to_root', { uids: { all: 7 }, gids: { all: 0 } }],
    ['squash_to_gid=8,uidmapping=0:100000:65536', { uids: { ranges: [RANGE] }, gids: { all: 8 } }],
    ['squash_to_uid=7,uidmapping=0:100000:65536', { uids: { all: 7 } }],
    ['static_nlink', { staticLinks: true }],
    ['noacl', { xattrs: 'no-acls' }],
    ['noxattrs=1', { xattrs: 'none' }],
    ['noxattrs=1,noacl', { xattrs: 'none' }],
    ['noacl,noxattrs=0', { xattrs: 'no-acls' }],
  ])('%s sets ownership to %j', (list, ownership) => {
    expect(apply(list)).toMatchObject({ unknown: [], ownership });
    expect(apply(list).ownership).toEqual(ownership);
  });

  it('options that only tune fuse-overlayfs are accepted', () => {
    expect(
      apply('context="system_u:object_r:container_file_t:s0:c1,c2",threaded=0,writeback=1,fast_ino=1').unknown,
    ).toEqual([]);
  });
});
