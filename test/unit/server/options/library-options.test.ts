import { describe, expect, expectTypeOf, it } from 'vitest';
import type { AufsOptions, MountOptions, OverlayOptions } from '../../../../src/index.js';
import { type TableOptions, valuesOf } from '../../../../src/server/options/library-options.js';
import { OPTION_ENTRIES } from '../../../../src/server/options/option-words.js';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';

const layers = { lowers: ['/l'], mountpoint: '/m' };

describe("the library's options", () => {
  it('have the names and types of the table', () => {
    type OfLibrary = 'dialect' | 'lowers' | 'dataLayers' | 'mountpoint' | 'overlay' | 'aufs' | 'log';
    expectTypeOf<Omit<MountOptions, OfLibrary>>().toEqualTypeOf<TableOptions<undefined>>();
    expectTypeOf<OverlayOptions>().toEqualTypeOf<TableOptions<'overlay'>>();
    expectTypeOf<Omit<AufsOptions, 'ignoresWhiteouts' | 'linkWhiteouts'>>().toEqualTypeOf<TableOptions<'aufs'>>();
  });

  it('reach the config', () => {
    const options: MountOptions = {
      lowers: ['/a', Buffer.from([0x2f, 0xff])],
      dataLayers: ['/ä'],
      upper: '/u',
      work: '/w',
      mountpoint: '/m',
      readOnly: true,
      accessTimes: 'noatime',
      directoryAccessTimes: false,
      uidMapping: [{ disk: 0, shown: 1, count: 2 }],
      squashToGid: 7,
      acls: false,
      xattrPermissions: 'user',
      fsync: false,
      fsname: 'ä',
      overlay: { index: true, uuid: false },
    };
    expect(resolveMount(valuesOf(options))).toMatchObject({
      dialect: 'overlay',
      lowers: ['/a', '/\xff', '/\xc3\xa4'],
      dataLayers: 1,
      upper: '/u',
      work: '/w',
      readOnly: true,
      accessTimes: { mode: 'noatime', directories: false },
      ownership: { uids: { ranges: [{ disk: 0, shown: 1, count: 2 }] }, gids: { all: 7 }, xattrs: 'no-acls' },
      overrides: 'user',
      fsync: false,
      fsname: '\xc3\xa4',
      overlay: { index: true, ignoresUuid: true },
    });
  });

  it('of the aufs dialect reach the config', () => {
    const aufs = { keepLinks: false, alwaysOpaque: true, ignoresWhiteouts: [0], linkWhiteouts: false };
    expect(resolveMount(valuesOf({ ...layers, dialect: 'aufs', aufs })).aufs).toEqual(aufs);
  });

  it.each([
    [{ uidMapping: [{ disk: 0, shown: 1 }] }, 'mount: uidMapping: must be a list of ranges'],
    [{ uidMapping: [{ disk: 0, shown: 1, count: 0 }] }, 'mount: uidMapping: must be a list of ranges'],
    [{ uidMapping: [] }, 'at least one, of ids from 0 to 4294967294 that have no id in common, not [] (EINVAL)'],
    [{ gidMapping: [] }, 'mount: gidMapping: must be a list of ranges { disk, shown, count }, at least one'],
    [{ uidMapping: new Array(2) }, 'mount: uidMapping: must be a list of ranges'],
    [{ lowers: new Array(2) }, 'mount: lowers: must be a list of paths'],
    [{ dataLayers: new Array(2) }, 'mount: dataLayers: must be a list of paths'],
    [{ volatile: true, fsync: false }, 'mount: fsync: false contradicts volatile (EINVAL)'],
    [{ aufs: { keepLinks: false } }, 'mount: aufs.keepLinks: the overlay dialect does not have this option (EINVAL)'],
    [{ aufs: { ignoresWhiteouts: [0] } }, 'mount: aufs.ignoresWhiteouts: the overlay dialect does not have'],
    [
      { dialect: 'aufs', lowers: ['/a', '/b'], aufs: { ignoresWhiteouts: [5] } },
      'mount: aufs.ignoresWhiteouts: no lower layer has the index 5 (EINVAL)',
    ],
    [{ squashToUid: -1 }, 'mount: squashToUid: must be a whole number from 0 to 4294967294, not -1 (EINVAL)'],
    [{ accessTimes: 'atime' }, "mount: accessTimes: must be relatime, strictatime or noatime, not 'atime' (EINVAL)"],
    [{ xattrPermissions: 2 }, 'mount: xattrPermissions: must be auto, privileged or user, not 2 (EINVAL)'],
    [{ fsname: '' }, "mount: fsname: must be a string without NUL characters, not empty, not '' (EINVAL)"],
    [{ logFile: '/l' }, 'mount: logFile: no such property (EINVAL)'],
    [{ branches: '/l' }, 'mount: branches: no such property (EINVAL)'],
  ])('%j is refused', (more, message) => {
    expect(() => valuesOf({ ...layers, ...more } as never)).toThrow(message);
  });

  it.each([
    [{ redirectDir: 'on' }, 'redirect_dir: on'],
    [{ metacopy: true }, 'metacopy: on'],
    [{ index: true }, 'index: on'],
    [{ uuid: false }, 'uuid: off'],
    [{ userxattr: true }, 'userxattr'],
  ] as const)('of the overlay dialect are refused beside the aufs dialect: %j', (overlay, what) => {
    expect(() => resolveMount(valuesOf({ ...layers, dialect: 'aufs', overlay }))).toThrow(
      `${what}: the aufs dialect does not have this feature (EINVAL)`,
    );
  });

  it('of the overlay dialect are accepted beside the aufs dialect with their defaults', () => {
    const overlay = { redirectDir: 'off', metacopy: false, index: false, uuid: true, userxattr: false } as const;
    expect(resolveMount(valuesOf({ ...layers, dialect: 'aufs', overlay })).dialect).toBe('aufs');
  });
});

describe('the table of options', () => {
  it('has each word of a dialect once', () => {
    for (const dialect of [undefined, 'aufs'] as const) {
      const words = OPTION_ENTRIES.filter(
        (entry) => (entry.dialect === 'aufs' ? 'aufs' : undefined) === dialect,
      ).flatMap((entry) => {
        if (entry.kind === 'value') return [entry.word, ...(entry.aliases ?? [])];
        if (entry.kind === 'flag') return [entry.word, ...(entry.opposite === undefined ? [] : [entry.opposite])];
        return entry.words;
      });
      expect(words).toEqual([...new Set(words)]);
    }
  });
});
