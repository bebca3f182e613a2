/** Values as containers/storage (pkg/idtools) and fuse-overlayfs write them. */
import { describe, expect, it } from 'vitest';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../../../src/core/file-mode.js';
import { FileStat } from '../../../../src/core/file-stat.js';
import { applyOverride, formatOverride } from '../../../../src/whiteout/overrides/override-stat.js';

function own(mode: number): FileStat {
  return Object.assign(new FileStat(), { mode, uid: 1000, gid: 1000 });
}

function applied(text: string, mode = S_IFREG | 0o700): Partial<FileStat> | null {
  const stat = own(mode);
  if (!applyOverride(text, stat)) {
    expect(stat).toEqual(own(mode));
    return null;
  }
  const { uid, gid, rdevMajor, rdevMinor } = stat;
  return { uid, gid, mode: stat.mode, rdevMajor, rdevMinor };
}

const none = { rdevMajor: 0, rdevMinor: 0 };

describe('the attributes that an xattr gives an object', () => {
  it.each([
    ['1000:1011:0644:file', S_IFREG | 0o644],
    ['1000:1011:4755:file', S_IFREG | 0o4755],
    ['1000:1011:0666:pipe', S_IFIFO | 0o666],
    ['1000:1011:0700:socket', S_IFSOCK | 0o700],
    ['1000:1011:0644', S_IFREG | 0o644],
    ['1000:1011:0100755', S_IFREG | 0o755],
    ['1000:1011:10600', S_IFIFO | 0o600],
  ])('of a regular file: %s', (text, mode) => {
    expect(applied(text)).toEqual({ uid: 1000, gid: 1011, mode, ...none });
  });

  it.each([
    ['0:0:0600:block-8-0', S_IFBLK | 0o600, 8, 0],
    ['0:6:666:char1:3', S_IFCHR | 0o666, 1, 3],
    ['0:6:666:char-10-200', S_IFCHR | 0o666, 10, 200],
  ])('of a regular file: %s', (text, mode, rdevMajor, rdevMinor) => {
    expect(applied(text)).toMatchObject({ mode, rdevMajor, rdevMinor });
  });

  it('of a directory or a symlink have its own type', () => {
    expect(applied('1:2:1777:dir', S_IFDIR | 0o755)).toMatchObject({ uid: 1, mode: S_IFDIR | 0o1777 });
    expect(applied('0:0:40755', S_IFDIR | 0o700)).toMatchObject({ uid: 0, mode: S_IFDIR | 0o755 });
    expect(applied('1:2:0777:symlink', S_IFLNK | 0o777)).toMatchObject({ gid: 2, mode: S_IFLNK | 0o777 });
  });

  it('leave a device without a number, as fuse-overlayfs 1.x writes it, a regular file', () => {
    expect(applied('4:4:20644')).toEqual({ uid: 4, gid: 4, mode: S_IFREG | 0o644, ...none });
  });

  it.each([
    '',
    'root:root:0755:file',
    '0:0',
    '0:0:0999:file',
    '-1:0:0644:file',
    '0:0:0644:door',
    '0:0:0644:dir',
    '0:0:0644:symlink',
    '0:0:0644:char',
    '0:0:0644:char-1',
    '0:0:0644:char-0-0',
    '0:0:0644:file-1-3',
    '4294967295:0:0644:file',
    '0:4294967295:0644:file',
    '0:0:0644:file\n',
  ])('are not changed by the invalid text %j', (text) => {
    expect(applied(text)).toBeNull();
  });

  it('are the same after they are written and read', () => {
    const modes = [S_IFREG | 0o640, S_IFIFO | 0o600, S_IFSOCK | 0o755, S_IFBLK | 0o660, S_IFCHR | 0o6777];
    for (const mode of modes) {
      const isDevice = (mode & 0o060000) === S_IFBLK || (mode & 0o060000) === S_IFCHR;
      const stat = { uid: 7, gid: 4294967294, mode, rdevMajor: isDevice ? 259 : 0, rdevMinor: isDevice ? 70_000 : 0 };
      expect(applied(formatOverride(stat))).toEqual(stat);
    }
  });
});
