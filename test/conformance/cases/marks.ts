/**
 * The times that each operation marks for update (POSIX.1-2017, "shall mark for update"), of the object and
 * of its directories, and the times that it keeps. Listings and stat must agree about numbers and types
 * afterwards.
 */
import { deepEqual, equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import type { Capability, Case } from '../case.js';
import { onScene } from '../scene.js';

const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = sys;

interface Marks {
  readonly operation: string;
  readonly what: string;
  readonly needs?: readonly Capability[];
  /**
   * Maps names to the times that change: `m` for the time of the content, `c` for that of the inode, or none.
   * `''` is the scene's directory.
   */
  readonly marks: Readonly<Record<string, string>>;
  /** Runs before the times are read. */
  prepare?(at: (name: string) => string): void;
  call(at: (name: string) => string): unknown;
  /** Maps the name of a renamed object to its new name. */
  readonly moved?: Readonly<Record<string, string>>;
}

const CALLS: readonly Marks[] = [
  {
    operation: 'open O_CREAT',
    what: 'a new file',
    marks: { '': 'mc' },
    call: (at) => sys.close(sys.open(at('new'), O_CREAT | O_WRONLY)),
  },
  {
    operation: 'open O_CREAT',
    what: 'a file that is there',
    marks: { '': '', f: '' },
    call: (at) => sys.close(sys.open(at('f'), O_CREAT | O_RDONLY)),
  },
  {
    operation: 'open',
    what: 'O_TRUNC',
    marks: { '': '', f: 'mc' },
    call: (at) => sys.close(sys.open(at('f'), O_WRONLY | O_TRUNC)),
  },
  {
    operation: 'open',
    what: 'for writing',
    marks: { '': '', f: '-' },
    call: (at) => sys.withFd(at('f'), O_RDWR, () => 0),
  },
  { operation: 'mkdir', what: 'a directory', marks: { '': 'mc' }, call: (at) => sys.mkdir(at('new')) },
  { operation: 'mknod', what: 'a fifo', marks: { '': 'mc' }, call: (at) => sys.mknod(at('new'), sys.S_IFIFO) },
  { operation: 'symlink', what: 'a symlink', marks: { '': 'mc' }, call: (at) => sys.symlink('to', at('new')) },
  { operation: 'link', what: 'a name', marks: { '': '', f: 'c', s: 'mc' }, call: (at) => sys.link(at('f'), at('s/f')) },
  { operation: 'unlink', what: 'a file', marks: { '': 'mc' }, call: (at) => sys.unlink(at('f')) },
  {
    operation: 'unlink',
    what: 'one of two names',
    marks: { '': 'mc', f: 'c' },
    prepare: (at) => sys.link(at('f'), at('second')),
    call: (at) => sys.unlink(at('second')),
  },
  { operation: 'rmdir', what: 'a directory', marks: { '': 'mc', s: '' }, call: (at) => sys.rmdir(at('e')) },
  {
    operation: 'rename',
    what: 'a file in its directory',
    marks: { '': 'mc', f: 'c' },
    moved: { f: 'new' },
    call: (at) => sys.rename(at('f'), at('new')),
  },
  {
    operation: 'rename',
    what: 'a file to another directory, onto a file',
    marks: { '': 'mc', s: 'mc', f: 'c' },
    moved: { f: 's/x' },
    call: (at) => sys.rename(at('f'), at('s/x')),
  },
  {
    operation: 'rename',
    what: 'a name onto another of the same file',
    marks: { '': '', f: '' },
    prepare: (at) => sys.link(at('f'), at('second')),
    call: (at) => sys.rename(at('second'), at('f')),
  },
  {
    operation: 'rename',
    what: 'a new directory to another directory',
    marks: { '': 'mc', s: 'mc' },
    prepare: (at) => sys.mkdir(at('fresh')),
    call: (at) => sys.rename(at('fresh'), at('s/fresh')),
  },
  {
    operation: 'rename NOREPLACE',
    what: 'a file',
    needs: ['rename-flags'],
    marks: { '': 'mc', s: 'mc', f: 'c' },
    moved: { f: 's/f' },
    call: (at) => sys.rename(at('f'), at('s/f'), sys.RENAME_NOREPLACE),
  },
  {
    operation: 'rename EXCHANGE',
    what: 'two files',
    needs: ['rename-flags'],
    marks: { '': 'mc', s: 'mc', f: 'c', 's/x': 'c' },
    moved: { f: 's/x', 's/x': 'f' },
    call: (at) => sys.rename(at('f'), at('s/x'), sys.RENAME_EXCHANGE),
  },
  { operation: 'chmod', what: 'a file', marks: { '': '', f: 'c' }, call: (at) => sys.chmod(at('f'), 0o600) },
  { operation: 'chmod', what: 'a directory', marks: { '': '', s: 'c' }, call: (at) => sys.chmod(at('s'), 0o700) },
  { operation: 'chown', what: 'a file', marks: { '': '', f: 'c' }, call: (at) => sys.chown(at('f'), 5, 6) },
  { operation: 'lchown', what: 'a symlink', marks: { '': '', l: 'c', f: '' }, call: (at) => sys.lchown(at('l'), 5, 6) },
  {
    operation: 'utimensat',
    what: 'atime alone',
    needs: ['exact-times'],
    marks: { '': '', f: 'c' },
    call: (at) => sys.utimens(at('f'), { sec: 1, nsec: 1 }, sys.OMIT),
  },
  {
    operation: 'utimensat',
    what: 'neither time',
    needs: ['exact-times'],
    marks: { '': '', f: '' },
    call: (at) => sys.utimens(at('f'), sys.OMIT, sys.OMIT),
  },
  { operation: 'truncate', what: 'to less', marks: { '': '', f: 'mc' }, call: (at) => sys.truncate(at('f'), 1) },
  {
    operation: 'truncate',
    what: 'to the same size',
    marks: { '': '', f: 'mc' },
    call: (at) => sys.truncate(at('f'), 7),
  },
  {
    operation: 'ftruncate',
    what: 'to more',
    marks: { '': '', f: 'mc' },
    call: (at) => sys.withFd(at('f'), O_RDWR, (fd) => sys.ftruncate(fd, 100)),
  },
  {
    operation: 'write',
    what: 'one byte',
    marks: { '': '', f: 'mc' },
    call: (at) => sys.withFd(at('f'), O_RDWR, (fd) => sys.write(fd, 'x')),
  },
  {
    operation: 'write',
    what: 'nothing',
    marks: { '': '', f: '-' },
    call: (at) => sys.withFd(at('f'), O_RDWR, (fd) => sys.write(fd, '')),
  },
  { operation: 'read', what: 'a file', marks: { '': '', f: '' }, call: (at) => sys.readFile(at('f')) },
  {
    operation: 'getdents',
    what: 'a directory',
    marks: { '': '' },
    call: (at) => sys.withFd(at(''), O_RDONLY, sys.getdentsToEnd),
  },
  {
    operation: 'fallocate',
    what: 'more room',
    needs: ['fallocate'],
    marks: { '': '', f: 'mc' },
    call: (at) => sys.withFd(at('f'), O_RDWR, (fd) => sys.fallocate(fd, 0, 0, 10_000)),
  },
  {
    operation: 'fallocate',
    what: 'a hole',
    needs: ['fallocate'],
    marks: { '': '', f: 'mc' },
    call: (at) =>
      sys.withFd(at('f'), O_RDWR, (fd) => sys.fallocate(fd, sys.FALLOC_FL_PUNCH_HOLE | sys.FALLOC_FL_KEEP_SIZE, 0, 3)),
  },
  {
    operation: 'copy_file_range',
    what: 'into a file',
    marks: { '': '', f: 'mc', g: '' },
    call: (at) =>
      sys.withFd(at('g'), O_RDONLY, (from) =>
        sys.withFd(at('f'), O_RDWR, (to) => sys.copyFileRange(from, 0, to, 0, 3)),
      ),
  },
  {
    operation: 'setxattr',
    what: 'an xattr',
    marks: { '': '', f: 'c' },
    call: (at) => sys.setxattr(at('f'), 'user.x', 'x'),
  },
  {
    operation: 'removexattr',
    what: 'an xattr',
    marks: { '': '', f: 'c' },
    call: (at) => sys.removexattr(at('f'), 'user.one'),
  },
  {
    operation: 'setxattr',
    what: 'an xattr of a directory',
    marks: { '': '', s: 'c' },
    call: (at) => sys.setxattr(at('s'), 'user.x', 'x'),
  },
];

function changed(before: sys.Stat, after: sys.Stat): string {
  const moved = (a: sys.Time, b: sys.Time): boolean => a.sec !== b.sec || a.nsec !== b.nsec;
  return `${moved(before.mtime, after.mtime) ? 'm' : ''}${moved(before.ctime, after.ctime) ? 'c' : ''}`;
}

/**
 * Returns the times that must have changed. A copy-up shows the ctime of the copy: the ctime of an object
 * that is only copied up, or in which another is copied up, can change too. `-` means that the object is only
 * opened for writing.
 */
function expected(marks: string, name: string, result: string): string {
  const onlyCopied = marks === '-' || (marks === '' && (name === '' || name === 's'));
  return onlyCopied && result === 'c' ? 'c' : marks.replace('-', '');
}

/** @param all true: checks the directories in it too */
function numbersAgree(directory: string, all = false): void {
  const fd = sys.open(directory, O_RDONLY);
  const entries = sys.getdentsToEnd(fd);
  sys.close(fd);
  for (const { name, ino, type } of entries) {
    const stat = sys.lstat(`${directory}/${name}`);
    if (sys.isDirectory(stat.mode) && name !== '.' && !all) continue;
    deepEqual([name, ino, type], [name, stat.ino, sys.direntType(stat.mode)]);
  }
}

const numberCases: readonly Case[] = onScene({
  id: 'numbers-agree',
  operation: 'getdents',
  title: 'numbers and types of a listing are those of stat, also of directories, before and after a change',
  needs: ['merged-numbers'],
  run(at) {
    numbersAgree(at(''), true);
    sys.chmod(at('s'), 0o700);
    sys.writeFile(at('f'), 'changed');
    sys.rename(at('g'), at('s/g'));
    numbersAgree(at(''), true);
    numbersAgree(at('s'), true);
  },
});

export const markCases: readonly Case[] = CALLS.flatMap(({ operation, what, needs, marks, prepare, call, moved }) =>
  onScene({
    id: `marks-${operation}-${what}`.replace(/[ ,]+/g, '-'),
    operation,
    title: `${operation}, ${what}: changes these times and keeps the others`,
    needs: ['exact-times', ...(needs ?? [])],
    run(at) {
      prepare?.(at);
      const names = Object.keys(marks);
      const before = names.map((name) => sys.lstat(at(name)));
      call(at);
      names.forEach((name, i) => {
        const was = before[i] as sys.Stat;
        const now = sys.lstat(at(moved?.[name] ?? name));
        const result = changed(was, now);
        deepEqual([name, result], [name, expected(marks[name] as string, name, result)]);
        equal(now.ino, was.ino, `${name} has another number`);
      });
      numbersAgree(at(''));
      numbersAgree(at('s'));
    },
  }),
).concat(numberCases);
