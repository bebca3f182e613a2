/**
 * A mark on a directory that says which mount uses it: a read lock of one byte, at the position of the mount's device number
 * (fcntl(2), F_OFD_SETLK). It ends with the open file, is on no disk, and can be seen by everybody who opens the directory.
 */
import { existsSync } from 'node:fs';
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
 * Marks the open directory `fd` as used by the mount of the device 0:`minor`. Where a file system has no such locks there is no
 * mark: others take a holder without one for living.
 */
export function markUse(fd: number, minor: number): void {
  fill(F_RDLCK, minor, 1);
  fcntl(fd, F_OFD_SETLK, lock.address);
}

/** The minor numbers by which others have marked the open directory `fd`. */
function markedUses(fd: number): number[] {
  const minors: number[] = [];
  for (let from = 0; ; ) {
    fill(F_WRLCK, from, 0); // a length of 0: to the end
    if (fcntl(fd, F_OFD_GETLK, lock.address) < 0 || lock.buffer.readInt16LE(0) === F_UNLCK) return minors;
    const minor = Number(lock.buffer.readBigInt64LE(8));
    minors.push(minor);
    from = Math.max(from, minor) + 1;
  }
}

/** By their device numbers, those of other mount namespaces too; absent where /sys is not mounted. */
const DEVICES = '/sys/class/bdi';

/** Whether the file system of the device 0:`minor` is mounted anywhere. False also where /sys is not mounted. */
export function isMountedAnywhere(minor: number): boolean {
  return existsSync(`${DEVICES}/0:${minor}`);
}

/** Whether all mounts that have marked the open directory `fd` are gone, so that their servers are at their end. False: one lives, or none has. */
export function usersAreGone(fd: number, isThere = isMountedAnywhere): boolean {
  const minors = markedUses(fd);
  return minors.length > 0 && existsSync(DEVICES) && !minors.some(isThere);
}
