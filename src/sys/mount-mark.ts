/**
 * A mark on a directory that says which mounted file system uses it: a read lock of one byte, whose position is a number of that file
 * system (fcntl(2), F_OFD_SETLK). It ends with the open file, is on no disk, and can be seen by everybody who opens the directory.
 */
import { readdirSync, statSync } from 'node:fs';
import { allocate, bind } from './libc.js';

const fcntl = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** struct flock: i16 l_type, l_whence, padding, i64 l_start, l_len, i32 l_pid. */
const lock = allocate(32);

function fill(type: number, start: number, length: number): void {
  lock.buffer.fill(0);
  lock.buffer.writeInt16LE(type, 0);
  lock.buffer.writeBigInt64LE(BigInt(start), 8);
  lock.buffer.writeBigInt64LE(BigInt(length), 16);
}

/**
 * Marks the open directory `fd` as used by the mounted file system `id`. Where there are no such locks there is no mark: others take a
 * holder without one for living.
 */
export function markUse(fd: number, id: number): void {
  fill(F_RDLCK, id, 1);
  fcntl(fd, F_OFD_SETLK, lock.address);
}

/** The ids by which others have marked the open directory `fd`. */
function markedUses(fd: number): number[] {
  const ids: number[] = [];
  for (let from = 0; ; ) {
    fill(F_WRLCK, from, 0); // a length of 0: to the end
    if (fcntl(fd, F_OFD_GETLK, lock.address) < 0 || lock.buffer.readInt16LE(0) === F_UNLCK) return ids;
    const id = Number(lock.buffer.readBigInt64LE(8));
    ids.push(id);
    from = Math.max(from, id) + 1;
  }
}

/** One directory for each mounted file system that needs one, by device number; those of other mount namespaces too. */
const MOUNTED = '/sys/class/bdi';

/**
 * The id of the mounted file system of `device` (`MAJOR:MINOR`): the inode number of its directory in /sys, which is not given again
 * soon, as the device number is. null: it is not mounted, or /sys is not.
 */
export function mountedId(device: string): number | null {
  try {
    return statSync(`${MOUNTED}/${device}`, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null; // EACCES: a sandbox keeps /sys from us.
  }
}

/** The ids of all mounted file systems; null where /sys is not mounted. */
function allMountedIds(): Set<number> | null {
  try {
    return new Set(readdirSync(MOUNTED).map((device) => mountedId(device) ?? 0));
  } catch {
    return null; // ENOENT, EACCES: likewise.
  }
}

/**
 * Whether all mounts that have marked the open directory `fd` are gone, so that their servers are at their end. False: one lives, or
 * none has.
 */
export function usersAreGone(fd: number, mounted = allMountedIds()): boolean {
  const ids = markedUses(fd);
  return ids.length > 0 && mounted !== null && !ids.some((id) => mounted.has(id));
}
