/** File handles, which identify an inode even if its names change (man name_to_handle_at(2)). */
import { Errno, fsError } from '../../core/errno.js';
import { O_CLOEXEC } from '../../core/flags.js';
import { tryIoctl } from '../ioctl.js';
import { AT_EMPTY_PATH, allocate, bind, cPath, lastErrno } from '../libc.js';

const nameToHandle = bind<(dirfd: number, name: number, handle: number, mountId: number, flags: number) => number>(
  'int name_to_handle_at(int, intptr_t, intptr_t, intptr_t, int)',
);
const byHandle = bind<(mountFd: number, handle: number, flags: number) => number>(
  'int open_by_handle_at(int, intptr_t, int)',
);

export interface FileHandle {
  readonly type: number;
  readonly id: Uint8Array;
}

export const UUID_BYTES = 16;
/** MAX_HANDLE_SZ (linux/exportfs.h); `struct file_handle` has two words before the handle itself. */
const MAX_HANDLE = 128;
const HEADER = 8;
const handle = allocate(HEADER + MAX_HANDLE);
const mountId = allocate(8);

/**
 * Returns the handle of `name` in `dirfd`, or of `dirfd` itself if `name` is `''`; null: the file system has
 * none.
 */
export function fileHandle(dirfd: number, name: string): FileHandle | null {
  handle.buffer.writeUInt32LE(MAX_HANDLE, 0);
  const flags = name === '' ? AT_EMPTY_PATH : 0;
  if (nameToHandle(dirfd, cPath(name), handle.address, mountId.address, flags) < 0) {
    const errno = lastErrno();
    // EOVERFLOW: the handle is larger than any that the kernel stores.
    if (errno === Errno.EOPNOTSUPP || errno === Errno.EOVERFLOW) return null;
    throw fsError(errno, 'name_to_handle_at');
  }
  const size = handle.buffer.readUInt32LE(0);
  return { type: handle.buffer.readInt32LE(4), id: Uint8Array.from(handle.buffer.subarray(HEADER, HEADER + size)) };
}

/** Opens the file on the file system of `mountFd`. A failure is the negative errno. */
export function tryOpenByHandle(mountFd: number, { type, id }: FileHandle, flags: number): number {
  if (id.length > MAX_HANDLE) return -Errno.EINVAL;
  handle.buffer.writeUInt32LE(id.length, 0);
  handle.buffer.writeInt32LE(type, 4);
  handle.buffer.set(id, HEADER);
  const fd = byHandle(mountFd, handle.address, flags | O_CLOEXEC);
  return fd < 0 ? -lastErrno() : fd;
}

const argument = allocate(1024);

/**
 * ioctls that return the UUID of a file system, and the offset of the UUID in their result: the general one
 * of Linux 6.9, and older ones of some file systems (fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h:xfs_fsop_geom_v1,
 * linux/btrfs.h).
 */
const UUID_REQUESTS = [
  { request: 0x80111500 /* FS_IOC_GETFSUUID */, at: 1 },
  { request: 0x8008662c /* EXT4_IOC_GETFSUUID */, at: 8 },
  { request: 0x80705864 /* XFS_IOC_FSGEOMETRY_V1 */, at: 64 },
  { request: 0x8400941f /* BTRFS_IOC_FS_INFO */, at: 16 },
];

/** Returns the UUID of the file system of a directory; zeros if it has none, or does not report it. */
export function fsUuid(fd: number): Uint8Array {
  for (const { request, at } of UUID_REQUESTS) {
    argument.buffer.fill(0);
    // ext4 reads the length of the buffer here. The others do not read their argument.
    argument.buffer.writeUInt32LE(UUID_BYTES, 0);
    if (tryIoctl(fd, request, argument.address) >= 0) {
      return Uint8Array.from(argument.buffer.subarray(at, at + UUID_BYTES));
    }
  }
  return new Uint8Array(UUID_BYTES);
}
