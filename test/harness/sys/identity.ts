/** Acting as somebody else, for one synchronous piece of a test. */
import { bind } from './call.js';

const setfsuid = bind<(uid: number) => number>('int setfsuid(uint)');
const setfsgid = bind<(gid: number) => number>('int setfsgid(uint)');
const syscall2 = bind<(n: number, a: number, b: number) => number>('long syscall(long, long, intptr_t)');
const SYS_SETGROUPS = 116;

/** Ids that own nothing on the machine. */
export const ALICE = 61001;
export const BOB = 61002;
export const STAFF = 62001;

/**
 * Runs `body` with the thread's file system ids changed. Leaving uid 0 takes CAP_CHOWN, CAP_DAC_*, CAP_FOWNER,
 * CAP_FSETID and CAP_MKNOD away, coming back gives them again (man capabilities(7), "Effect of user ID changes").
 * The groups are dropped for good: as root they decide nothing.
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

/** Runs `body` with another umask. */
export function withUmask<T>(mask: number, body: () => T): T {
  const before = process.umask(mask);
  try {
    return body();
  } finally {
    process.umask(before);
  }
}
