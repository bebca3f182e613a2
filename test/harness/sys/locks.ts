/** Advisory locks. */
import { allocate, bind, check } from './call.js';

const flockCall = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const fcntlCall = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, intptr_t)');

export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
const F_SETLK = 6;
const F_OFD_SETLK = 37;

export function flock(fd: number, operation: number): void {
  check(flockCall(fd, operation), 'flock', fd);
}

function lockWith(command: number, fd: number, type: number, start: number, length: number): void {
  const { buffer, address } = allocate(32);
  buffer.writeInt16LE(type, 0);
  buffer.writeBigInt64LE(BigInt(start), 8);
  buffer.writeBigInt64LE(BigInt(length), 16);
  check(fcntlCall(fd, command, address), 'fcntl lock', fd);
}

/** Takes a lock of the process (F_SETLK). */
export function lock(fd: number, type: number, start = 0, length = 0): void {
  lockWith(F_SETLK, fd, type, start, length);
}

/** Takes a lock of the open file description (F_OFD_SETLK). Two such locks of one process conflict. */
export function lockOpenFile(fd: number, type: number, start = 0, length = 0): void {
  lockWith(F_OFD_SETLK, fd, type, start, length);
}

const F_GETFL = 3;
const F_SETFL = 4;

export function getStatusFlags(fd: number): number {
  return check(fcntlCall(fd, F_GETFL, 0), 'fcntl F_GETFL', fd);
}

export function setStatusFlags(fd: number, flags: number): void {
  check(fcntlCall(fd, F_SETFL, flags), 'fcntl F_SETFL', fd);
}
