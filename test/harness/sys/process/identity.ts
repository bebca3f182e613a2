/** Runs one synchronous part of a test with other ids or limits. */
import { allocate, bind, check } from '../call.js';

const setfsuid = bind<(uid: number) => number>('int setfsuid(uint)');
const setfsgid = bind<(gid: number) => number>('int setfsgid(uint)');
const syscall2 = bind<(n: number, a: number, b: number) => number>('long syscall(long, long, intptr_t)');
const SYS_SETGROUPS = 116;

/** Ids that own nothing on the machine. */
export const ALICE = 61001;
export const BOB = 61002;
export const STAFF = 62001;
export const PROJECT = 62002;

/**
 * Runs `body` with the thread's file system ids changed. The kernel drops CAP_CHOWN, CAP_DAC_*, CAP_FOWNER,
 * CAP_FSETID and CAP_MKNOD when the file system uid changes from 0, and restores them when it is 0 again (man
 * capabilities(7), "Effect of user ID changes"). The supplementary groups are dropped for good; root does not
 * need them.
 */
export function asUser<T>(uid: number, gid: number, body: () => T): T {
  syscall2(SYS_SETGROUPS, 0, 0);
  setfsgid(gid);
  setfsuid(uid);
  try {
    return body();
  } finally {
    setfsuid(0);
    setfsgid(0);
  }
}

const syscall3 = bind<(n: number, a: number, b: number, c: number) => number>('long syscall(long, long, long, long)');
const SYS_SETRESUID = 117;
const SYS_SETRESGID = 119;
const KEEP_ID = -1;

/** The ids and supplementary groups of a user. Only root has capabilities. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/**
 * Runs `body` as another user: changes the thread's effective ids and groups by the raw system calls, which
 * change one thread alone. An effective uid other than 0 has no effective capabilities; root gets them back
 * (man capabilities(7)).
 */
export function asIdentity<T>({ uid, gid, groups }: Identity, body: () => T): T {
  setGroups(groups);
  check(syscall3(SYS_SETRESGID, KEEP_ID, gid, KEEP_ID), 'setresgid', gid);
  check(syscall3(SYS_SETRESUID, KEEP_ID, uid, KEEP_ID), 'setresuid', uid);
  try {
    return body();
  } finally {
    check(syscall3(SYS_SETRESUID, KEEP_ID, 0, KEEP_ID), 'setresuid', 0);
    check(syscall3(SYS_SETRESGID, KEEP_ID, 0, KEEP_ID), 'setresgid', 0);
    setGroups([]);
  }
}

function setGroups(groups: readonly number[]): void {
  const { buffer, address } = allocate(4 * Math.max(1, groups.length));
  for (const [i, gid] of groups.entries()) buffer.writeUInt32LE(gid, 4 * i);
  check(syscall2(SYS_SETGROUPS, groups.length, address), 'setgroups', groups.join());
}

/** Runs `body` with another umask. */
export function withUmask<T>(mask: number, body: () => T): T {
  const before = process.umask(mask);
  try {
    return body();
  } finally {
    process.umask(before);
  }
}

const setrlimitCall = bind<(resource: number, limit: number) => number>('int setrlimit(int, intptr_t)');
const RLIMIT_FSIZE = 1;

function setFileSizeLimit(bytes: bigint): void {
  const { buffer, address } = allocate(16);
  buffer.writeBigUInt64LE(bytes, 0);
  buffer.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 8);
  check(setrlimitCall(RLIMIT_FSIZE, address), 'setrlimit', Number(bytes));
}

/** Runs `body` while this process cannot write a file beyond `bytes` (man getrlimit(2), RLIMIT_FSIZE). */
export function withFileSizeLimit<T>(bytes: number, body: () => T): T {
  // The kernel sends SIGXFSZ for a write beyond the limit; by default the signal ends the process.
  const ignore = (): void => undefined;
  process.on('SIGXFSZ', ignore);
  setFileSizeLimit(BigInt(bytes));
  try {
    return body();
  } finally {
    setFileSizeLimit(0xffff_ffff_ffff_ffffn);
    process.off('SIGXFSZ', ignore);
  }
}
