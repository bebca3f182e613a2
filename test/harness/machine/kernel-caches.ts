/** Drops the kernel's caches of a file system. */
import { writeFileSync } from 'node:fs';
import { AT_FDCWD, bind, check, cPath } from '../sys/call.js';
import { fadvise } from '../sys/descriptors.js';
import { close } from '../sys/files.js';

const syscall5 = bind<(n: number, a: number, b: number, c: number, d: number, e: number) => number>(
  'long syscall(long, long, long, long, long, long)',
);
/** Its number on x86-64. */
const SYS_FSPICK = 433;
const SYS_FSCONFIG = 431;
const FSPICK_CLOEXEC = 1;
const FSCONFIG_CMD_RECONFIGURE = 7;
const POSIX_FADV_DONTNEED = 4;

/**
 * Drops all names and inodes of one mounted file system that are not in use, and nothing else on the machine,
 * by a remount that changes nothing (fs/super.c:reconfigure_super calls shrink_dcache_sb).
 */
export function forgetNames(mountpoint: string): void {
  const fd = check(syscall5(SYS_FSPICK, AT_FDCWD, cPath(mountpoint), FSPICK_CLOEXEC, 0, 0), 'fspick', mountpoint);
  try {
    check(syscall5(SYS_FSCONFIG, fd, FSCONFIG_CMD_RECONFIGURE, 0, 0, 0), 'fsconfig', mountpoint);
  } finally {
    close(fd);
  }
}

/** Drops the clean pages of an open file. */
export function forgetPages(fd: number): void {
  fadvise(fd, POSIX_FADV_DONTNEED);
}

/**
 * Drops caches of the whole machine (Documentation/admin-guide/sysctl/vm.rst).
 * @param what 1: pages; 2: names and inodes; 3: both
 */
export function dropCaches(what: 1 | 2 | 3): void {
  writeFileSync('/proc/sys/vm/drop_caches', String(what));
}
