/** Calls on files that an actor keeps open. */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';
import { type Arguments, type Call, type CallContext, call, NOTHING_HELD } from '../script/call.js';
import { aDirectoryPath, aLength, aMode, anOffset, aPath, aSlot, aText } from '../script/values.js';
import { factsOf } from '../sides/facts.js';
import type { OpenFile } from '../sides/side.js';
import {
  aGroup,
  anOwner,
  anXattrFlag,
  anXattrName,
  anXattrValue,
  aTimeText,
  timeOf,
  XATTR_FLAGS,
} from './attributes.js';

const FLAGS = {
  RDONLY: sys.O_RDONLY,
  WRONLY: sys.O_WRONLY,
  RDWR: sys.O_RDWR,
  APPEND: sys.O_APPEND,
  CREAT: sys.O_CREAT,
  EXCL: sys.O_EXCL,
  TRUNC: sys.O_TRUNC,
  NOFOLLOW: sys.O_NOFOLLOW,
  PATH: sys.O_PATH,
} as const;
const someFlags = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'RDONLY',
      'RDWR',
      'RDWR|CREAT',
      'RDWR|CREAT|TRUNC',
      'WRONLY|APPEND',
      'RDWR|APPEND|CREAT',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'RDWR|CREAT|EXCL',
      'WRONLY|TRUNC',
      'RDWR|NOFOLLOW',
      'PATH',
      'PATH|NOFOLLOW',
      'RDONLY|TRUNC',
    ),
  },
);

function flagsOf(text: string): number {
  return text.split('|').reduce((flags, name) => flags | FLAGS[name as keyof typeof FLAGS], 0);
}

/** Makes a call on the file in the actor's slot. */
export function onFile<A extends Arguments>(
  weight: number,
  args: { readonly [K in keyof A]: fc.Arbitrary<A[K]> },
  run: (fd: number, args: A, doer: CallContext & { readonly file: OpenFile }) => unknown,
): Call {
  return call(weight, { slot: aSlot, ...args }, (given: Arguments, doer) => {
    const file = doer.side.files.get(doer.actor, given.slot as number);
    return file === undefined ? NOTHING_HELD : run(file.fd, given as unknown as A, { ...doer, file });
  });
}

/** Returns the content of a file that was opened for reading; null for other objects. */
function found(fd: number, flags: number): string | null {
  const reads = (flags & (sys.O_ACCMODE | sys.O_PATH)) === sys.O_RDONLY;
  if (!reads || !sys.isRegular(sys.statOne(fd, 'mode'))) return null;
  return sys.pread(fd, 1 << 16, 0).toString('latin1');
}

const SEEKS = { set: sys.SEEK_SET, current: sys.SEEK_CUR, end: sys.SEEK_END, data: sys.SEEK_DATA, hole: sys.SEEK_HOLE };
const ALLOCATIONS = {
  extend: 0,
  'keep size': sys.FALLOC_FL_KEEP_SIZE,
  'punch hole': sys.FALLOC_FL_PUNCH_HOLE | sys.FALLOC_FL_KEEP_SIZE,
  'zero range': 0x10,
  'zero range, keep size': 0x11,
};
const STATUS_FLAGS = { '': 0, APPEND: sys.O_APPEND, NOATIME: sys.O_NOATIME } as const;
const LOCKS = { shared: sys.LOCK_SH, exclusive: sys.LOCK_EX, none: sys.LOCK_UN } as const;
const keysOf = <T extends object>(table: T): fc.Arbitrary<Extract<keyof T, string>> =>
  fc.constantFrom(...(Object.keys(table) as Extract<keyof T, string>[]));

export const handleCalls = {
  open: call(
    22,
    { slot: aSlot, path: aPath, flags: someFlags, mode: aMode },
    ({ slot, path, flags, mode }, { side, actor }) => {
      const fd = sys.open(side.at(path), flagsOf(flags) | sys.O_NONBLOCK, mode);
      side.files.put(actor, slot, { fd, found: found(fd, flagsOf(flags)) });
    },
  ),
  openTmpfile: call(
    4,
    { slot: aSlot, path: aDirectoryPath, flags: fc.constantFrom('RDWR', 'WRONLY', 'RDWR|EXCL'), mode: aMode },
    ({ slot, path, flags, mode }, { side, actor }) => {
      const fd = sys.open(side.at(path), sys.O_TMPFILE | flagsOf(flags), mode & 0o777);
      side.files.put(actor, slot, { fd, found: null });
    },
  ),
  close: call(3, { slot: aSlot }, ({ slot }, { side, actor }) => side.files.drop(actor, slot)),
  linkFd: onFile(4, { to: aPath }, (fd, { to }, { side }) => sys.linkTmpfile(fd, side.at(to))),
  fstat: onFile(6, {}, (fd) => factsOf(sys.fstat(fd))),
  fchmod: onFile(3, { mode: aMode }, (fd, { mode }) => sys.fchmod(fd, mode)),
  fchown: onFile(2, { uid: anOwner, gid: aGroup }, (fd, { uid, gid }) => sys.fchown(fd, uid, gid)),
  futimens: onFile(3, { atime: aTimeText, mtime: aTimeText }, (fd, { atime, mtime }) =>
    sys.futimens(fd, timeOf(atime), timeOf(mtime)),
  ),
  fsetxattr: onFile(2, { name: anXattrName, value: anXattrValue, flag: anXattrFlag }, (fd, { name, value, flag }) =>
    sys.fsetxattr(fd, name, value, XATTR_FLAGS[flag]),
  ),
  ftruncate: onFile(4, { size: anOffset }, (fd, { size }) => sys.ftruncate(fd, size)),
  pread: onFile(8, { offset: anOffset, length: aLength }, (fd, { offset, length }) =>
    sys.pread(fd, length, offset).toString('latin1'),
  ),
  pwrite: onFile(8, { offset: anOffset, text: aText }, (fd, { offset, text }) => sys.pwrite(fd, text, offset)),
  readOn: onFile(3, { length: aLength }, (fd, { length }) => sys.read(fd, length).toString('latin1')),
  writeOn: onFile(4, { text: aText }, (fd, { text }) => sys.write(fd, text)),
  // Positions in a directory depend on the file system; calls/directories.ts tests them.
  lseek: onFile(4, { offset: anOffset, whence: keysOf(SEEKS) }, (fd, { offset, whence }) =>
    sys.isDirectory(sys.statOne(fd, 'mode')) ? 'a directory' : sys.lseek(fd, offset, SEEKS[whence]),
  ),
  fallocate: onFile(
    4,
    { mode: keysOf(ALLOCATIONS), offset: anOffset, length: aLength },
    (fd, { mode, offset, length }) => sys.fallocate(fd, ALLOCATIONS[mode], offset, length),
  ),
  copyRange: onFile(
    4,
    { offset: anOffset, to: aSlot, toOffset: anOffset, length: aLength },
    (fd, { offset, to, toOffset, length }, { side, actor }) => {
      const target = side.files.get(actor, to);
      return target === undefined ? NOTHING_HELD : sys.copyFileRange(fd, offset, target.fd, toOffset, length);
    },
  ),
  sendFile: onFile(3, { to: aSlot, length: aLength }, (fd, { to, length }, { side, actor }) => {
    const target = side.files.get(actor, to);
    return target === undefined ? NOTHING_HELD : sys.sendfile(target.fd, fd, length);
  }),
  fsync: onFile(1, {}, (fd) => sys.fsync(fd)),
  // Flags of an open file that fcntl(2) can change.
  setFlags: onFile(3, { flags: fc.constantFrom('', 'APPEND', 'APPEND', 'NOATIME') }, (fd, { flags }) =>
    sys.setStatusFlags(fd, STATUS_FLAGS[flags as keyof typeof STATUS_FLAGS] | sys.O_NONBLOCK),
  ),
  getFlags: onFile(1, {}, (fd) => sys.getStatusFlags(fd) & (sys.O_ACCMODE | sys.O_APPEND | sys.O_NOATIME)),
  flock: onFile(5, { lock: keysOf(LOCKS) }, (fd, { lock }) => sys.flock(fd, LOCKS[lock] | sys.LOCK_NB)),
};
