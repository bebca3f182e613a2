/**
 * Names, sizes, times, numbers and depths at the limits of Linux. Each object is first in a lower layer, and
 * then changed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { type Opened, openTestedDirectory, TESTED_DIRECTORIES, type TestedDirectory } from './tested-directories.js';

const ODD_NAMES = [
  '\xff\xfe\x80',
  'caf\xe9',
  '\xc3\xa9 \xe2\x82\xac',
  'a\nb\tc',
  'back\\slash',
  ' ',
  '-rf',
  '...',
  '\x01\x7f',
  '#1',
  '%s%n',
];
const GIB = 2 ** 30;
const TIB = 2 ** 40;

/** Times at the limits of ext4, and on both sides of 1970 and 2038, with nanoseconds. */
const TIMES: readonly sys.Time[] = [
  { sec: -(2 ** 31), nsec: 0 },
  { sec: -1, nsec: 999_999_999 },
  { sec: 0, nsec: 0 },
  { sec: 2 ** 31 - 1, nsec: 999_999_999 },
  { sec: 2 ** 31, nsec: 123_456_789 },
  { sec: 15_032_385_535, nsec: 0 },
];

const makeDev = (major: number, minor: number): number =>
  (minor & 0xff) + (major & 0xfff) * 0x100 + (minor >>> 8) * 0x10_0000;
const DEVICES = [
  [4095, 1_048_575],
  [255, 256],
  [1, 3],
  [259, 65_536],
] as const;

const LARGEST_ID = 2 ** 32 - 2;
const LEVEL = 'l'.repeat(180);

function at(path: string, offset: number, size: number): string {
  return sys.withFd(path, sys.O_RDONLY, (fd) => sys.pread(fd, size, offset).toString('latin1'));
}

/** A case: makes objects in a lower layer, and checks them in each tested directory. */
interface OddCase {
  readonly title: string;
  makeLower(lower: string, tested: TestedDirectory): void;
  check(root: string, tested: TestedDirectory): void;
  /** The reason why libfuse 2 does not carry it. */
  readonly libfuse2Limit?: string;
}

const CASES: readonly OddCase[] = [
  {
    title: 'names of any bytes',
    libfuse2Limit: 'names are UTF-8',
    makeLower(lower) {
      sys.mkdir(join(lower, 'names'));
      for (const name of ODD_NAMES) sys.writeFile(join(lower, 'names', name), name);
    },
    check(root) {
      expect(sys.listNames(join(root, 'names'))).toEqual([...ODD_NAMES].sort());
      for (const name of ODD_NAMES) {
        const path = join(root, 'names', name);
        expect(sys.readFile(path)).toBe(name);
        sys.chmod(path, 0o600);
        sys.rename(path, `${path}\xfe`);
        sys.symlink(name, path);
        expect(sys.readlink(path)).toBe(name);
      }
      expect(sys.listNames(join(root, 'names'))).toEqual(ODD_NAMES.flatMap((name) => [name, `${name}\xfe`]).sort());
      for (const name of ODD_NAMES) sys.unlink(join(root, 'names', `${name}\xfe`));
      expect(sys.listNames(join(root, 'names'))).toEqual([...ODD_NAMES].sort());
    },
  },
  {
    title: 'the longest names',
    makeLower(lower, { maxName }) {
      sys.mkdir(join(lower, 'long'));
      sys.writeFile(join(lower, 'long', 'n'.repeat(maxName)), 'long');
      sys.mkdir(join(lower, 'long', 'd'.repeat(maxName)));
    },
    check(root, { maxName }) {
      const longest = join(root, 'long', 'n'.repeat(maxName));
      expect(sys.readFile(longest)).toBe('long');
      sys.chmod(longest, 0o600);
      sys.rename(longest, join(root, 'long', 'm'.repeat(maxName)));
      sys.writeFile(longest, 'again');
      expect(sys.listNames(join(root, 'long')).map((name) => name.length)).toEqual([maxName, maxName, maxName]);
      sys.writeFile(join(root, 'long', 'd'.repeat(maxName), 'n'.repeat(maxName)), 'x');
      expect(sys.outcome(() => sys.writeFile(`${longest}x`, ''))).toBe('ENAMETOOLONG');
      expect(sys.outcome(() => sys.lstat(`${longest}x`))).toBe('ENAMETOOLONG');
      expect(sys.outcome(() => sys.mkdir(`${longest}x`))).toBe('ENAMETOOLONG');
      expect(sys.outcome(() => sys.rename(longest, `${longest}x`))).toBe('ENAMETOOLONG');
      sys.unlink(longest);
      expect(sys.outcome(() => sys.lstat(longest))).toBe('ENOENT');
    },
  },
  {
    title: 'paths of the maximal length',
    makeLower(lower) {
      let path = join(lower, LEVEL);
      for (let i = 0; i < 20; i++) {
        sys.mkdir(path);
        path = join(path, LEVEL);
      }
    },
    check(root) {
      const PATH_MAX = 4096;
      const directory = Array.from({ length: 20 }, () => LEVEL).join('/');
      const fits = `${directory}/${'x'.repeat(PATH_MAX - 2 - directory.length)}`.slice(0, PATH_MAX - 1);
      const name = fits.slice(directory.length + 1).slice(0, 200);
      const longest = `${'./'.repeat((PATH_MAX - 1 - directory.length - 1 - name.length) >> 1)}${directory}/${name}`;
      const dirfd = sys.open(root, sys.O_RDONLY | sys.O_DIRECTORY);
      try {
        sys.close(sys.open(longest, sys.O_CREAT | sys.O_EXCL | sys.O_WRONLY, 0o644, dirfd));
        expect(longest.length).toBeGreaterThan(PATH_MAX - 3);
        expect(sys.outcome(() => sys.open(`././${longest}`, sys.O_RDONLY, 0, dirfd))).toBe('ENAMETOOLONG');
        sys.close(sys.open(longest, sys.O_RDONLY, 0, dirfd));
      } finally {
        sys.close(dirfd);
      }
    },
  },
  {
    title: 'files of more than 4 GiB, with their holes',
    libfuse2Limit: 'holes are not carried',
    makeLower(lower) {
      sys.withFd(join(lower, 'large'), sys.O_CREAT | sys.O_WRONLY, (fd) => {
        sys.pwrite(fd, 'start', 0);
        sys.pwrite(fd, 'middle', 4 * GIB + 1);
        sys.pwrite(fd, 'end', 5 * GIB - 3);
      });
    },
    check(root) {
      const large = join(root, 'large');
      const checkLarge = (): void => {
        expect(at(large, 0, 5)).toBe('start');
        expect(at(large, 4 * GIB + 1, 6)).toBe('middle');
        expect(at(large, 5 * GIB - 3, 10)).toMatch(/^end/);
        expect(at(large, 3 * GIB, 4)).toBe('\0\0\0\0');
        expect(sys.lstat(large).blocks * 512).toBeLessThan(8 << 20);
      };
      expect(sys.lstat(large).size).toBe(5 * GIB);
      checkLarge();
      sys.withFd(large, sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, 'more'));
      expect(sys.lstat(large).size).toBe(5 * GIB + 4);
      checkLarge();
      sys.withFd(large, sys.O_RDWR, (fd) => {
        sys.pwrite(fd, 'far', TIB + 5);
        expect(sys.fstat(fd).size).toBe(TIB + 8);
        expect(sys.pread(fd, 10, TIB + 5).toString()).toBe('far');
        expect(sys.lseek(fd, 5 * GIB + 4096, sys.SEEK_DATA)).toBe(TIB);
        expect(sys.lseek(fd, TIB, sys.SEEK_HOLE)).toBe(TIB + 8);
        expect(sys.copyFileRange(fd, 4 * GIB + 1, fd, 2 * TIB, 6)).toBe(6);
        expect(sys.pread(fd, 10, 2 * TIB).toString()).toBe('middle');
        sys.fallocate(fd, sys.FALLOC_FL_PUNCH_HOLE | sys.FALLOC_FL_KEEP_SIZE, TIB, 8);
        expect(sys.pread(fd, 3, TIB + 5).toString('latin1')).toBe('\0\0\0');
        sys.ftruncate(fd, 4 * GIB + 7);
      });
      expect(sys.lstat(large).size).toBe(4 * GIB + 7);
      expect(at(large, 4 * GIB + 1, 100)).toBe('middle');
      sys.truncate(large, 3 * TIB);
      expect(sys.lstat(large).size).toBe(3 * TIB);
      expect(at(large, 3 * TIB - 4, 100)).toBe('\0\0\0\0');
    },
  },
  {
    title: 'times before 1970, after 2038, and of nanoseconds',
    libfuse2Limit: 'times are milliseconds after 1970',
    makeLower(lower) {
      TIMES.forEach((time, i) => {
        sys.writeFile(join(lower, `time${i}`), 'x');
        sys.utimens(join(lower, `time${i}`), time, time);
        sys.mkdir(join(lower, `time${i}d`));
        sys.utimens(join(lower, `time${i}d`), time, time);
      });
    },
    check(root) {
      TIMES.forEach((time, i) => {
        for (const path of [`time${i}`, `time${i}d`].map((name) => join(root, name))) {
          expect(sys.lstat(path)).toMatchObject({ atime: time, mtime: time });
          sys.chmod(path, 0o700);
          expect(sys.lstat(path)).toMatchObject({ atime: time, mtime: time });
        }
        const other = TIMES[(i + 1) % TIMES.length] as sys.Time;
        const path = join(root, `time${i}`);
        sys.utimens(path, sys.OMIT, other);
        expect(sys.lstat(path)).toMatchObject({ atime: time, mtime: other });
        sys.utimens(path, other, sys.OMIT);
        expect(sys.lstat(path)).toMatchObject({ atime: other, mtime: other });
      });
    },
  },
  {
    title: 'device numbers',
    makeLower(lower) {
      for (const [major, minor] of DEVICES)
        for (const type of [sys.S_IFCHR, sys.S_IFBLK])
          sys.mknod(join(lower, `device ${type} ${major}:${minor}`), type | 0o600, makeDev(major, minor));
    },
    check(root) {
      for (const [major, minor] of DEVICES)
        for (const type of [sys.S_IFCHR, sys.S_IFBLK]) {
          const path = join(root, `device ${type} ${major}:${minor}`);
          expect(sys.lstat(path)).toMatchObject({ rdev: `${major}:${minor}`, mode: type | 0o600 });
          sys.lchown(path, 1, 2);
          expect(sys.lstat(path)).toMatchObject({ rdev: `${major}:${minor}`, mode: type | 0o600, uid: 1, gid: 2 });
          sys.mknod(`${path} new`, type | 0o600, makeDev(major, minor));
          expect(sys.lstat(`${path} new`).rdev).toBe(`${major}:${minor}`);
        }
    },
  },
  {
    title: 'the largest ids',
    libfuse2Limit: 'the caller is unknown',
    makeLower(lower) {
      sys.writeFile(join(lower, 'owned'), 'x');
      sys.lchown(join(lower, 'owned'), LARGEST_ID, LARGEST_ID);
      sys.mkdir(join(lower, 'open'));
      sys.chmod(join(lower, 'open'), 0o777);
    },
    check(root) {
      const owner = { uid: LARGEST_ID, gid: LARGEST_ID };
      expect(sys.lstat(join(root, 'owned'))).toMatchObject(owner);
      sys.chmod(join(root, 'owned'), 0o600);
      expect(sys.lstat(join(root, 'owned'))).toMatchObject(owner);
      sys.asIdentity({ ...owner, groups: [LARGEST_ID, LARGEST_ID - 1] }, () => {
        sys.writeFile(join(root, 'owned'), 'by its owner');
        sys.writeFile(join(root, 'open', 'new'), 'new');
        sys.lchown(join(root, 'open', 'new'), sys.KEEP, LARGEST_ID - 1);
      });
      expect(sys.lstat(join(root, 'open', 'new'))).toMatchObject({ uid: LARGEST_ID, gid: LARGEST_ID - 1 });
    },
  },
  {
    title: 'every type of file',
    makeLower(lower) {
      const types = join(lower, 'types');
      sys.mkdir(types);
      sys.mknod(join(types, 'fifo'), sys.S_IFIFO | 0o640);
      sys.mknod(join(types, 'socket'), sys.S_IFSOCK | 0o640);
      sys.mknod(join(types, 'char'), sys.S_IFCHR | 0o640, makeDev(1, 3));
      sys.mknod(join(types, 'block'), sys.S_IFBLK | 0o640, makeDev(7, 1));
      sys.symlink('t'.repeat(4095), join(types, 'symlink'));
      sys.writeFile(join(types, 'regular'), 'x');
      sys.mkdir(join(types, 'directory'));
    },
    check(root) {
      const types = join(root, 'types');
      for (const name of sys.listNames(join(root, 'types'))) {
        const path = join(types, name);
        const { mode, rdev } = sys.lstat(path);
        sys.lchown(path, 3, 4);
        sys.utimens(path, { sec: 1, nsec: 2 }, { sec: 3, nsec: 0 });
        expect(sys.lstat(path)).toMatchObject({ mode, rdev, uid: 3, gid: 4, mtime: { sec: 3, nsec: 0 } });
        if (sys.isDirectory(mode)) continue;
        sys.link(path, `${path} linked`);
        sys.rename(path, `${path} moved`);
        expect(sys.lstat(`${path} moved`)).toMatchObject({ mode, rdev, nlink: 2 });
        sys.unlink(`${path} linked`);
      }
      expect(sys.readlink(join(types, 'symlink moved'))).toBe('t'.repeat(4095));
    },
  },
];

describe.each(TESTED_DIRECTORIES.map((tested) => [tested.name, tested] as const))(
  'extreme objects on %s',
  (_name, tested) => {
    describe.skipIf(tested.unavailable !== null)(tested.unavailable ?? 'are stored unchanged', () => {
      let base: string;
      let opened: Opened;
      const carried = CASES.filter(({ libfuse2Limit }) => !tested.overLibfuse2 || libfuse2Limit === undefined);
      beforeAll(() => {
        base = makeScratch('odd');
        opened = openTestedDirectory(tested, base, (lower) => {
          sys.withUmask(0, () => {
            for (const one of carried) one.makeLower(lower, tested);
          });
        });
      });
      afterAll(() => {
        opened?.close();
        spawnSync('rm', ['-rf', base]);
        removeScratch(base);
      });

      for (const one of CASES) {
        const reason = tested.overLibfuse2 ? one.libfuse2Limit : undefined;
        it.skipIf(reason !== undefined)(reason === undefined ? one.title : `${one.title}: ${reason}`, () => {
          one.check(opened.root, tested);
        });
      }
    });
  },
);
