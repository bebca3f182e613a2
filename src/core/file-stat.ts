import { FS_APPEND_FL, FS_IMMUTABLE_FL } from './flags.js';

/** A time: seconds since the epoch, negative before 1970; nanoseconds always 0..999,999,999. */
export interface Moment {
  readonly sec: number;
  readonly nsec: number;
}

/** The attributes of an object, as statx(2) returns them. All are numbers, which are exact up to 2^53. */
export class FileStat {
  ino = 0;
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  size = 0;
  /** In units of 512 bytes. */
  blocks = 0;
  blksize = 4096;
  rdevMajor = 0;
  rdevMinor = 0;
  devMajor = 0;
  devMinor = 0;
  /** The id of the mount that contains the object (STATX_MNT_ID); 0 before Linux 5.8. */
  mount = 0;
  /** Seconds since the epoch, negative before 1970; nanoseconds always 0..999,999,999. */
  atimeSec = 0;
  atimeNsec = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  ctimeSec = 0;
  ctimeNsec = 0;
  /**
   * The flags that forbid changes (man ioctl_iflags(2)), as statx(2) returns them. A read-only file system
   * can return them for all objects, even those without such a flag: see `sys/rights/own-protection.ts`.
   */
  immutable = false;
  appendOnly = false;

  /**
   * {@link immutable} and {@link appendOnly} as FS_IMMUTABLE_FL and FS_APPEND_FL. If either is set, no name
   * of the object can be removed, and its attributes cannot change.
   */
  get protection(): number {
    return (this.immutable ? FS_IMMUTABLE_FL : 0) | (this.appendOnly ? FS_APPEND_FL : 0);
  }
  set protection(flags: number) {
    this.immutable = (flags & FS_IMMUTABLE_FL) !== 0;
    this.appendOnly = (flags & FS_APPEND_FL) !== 0;
  }
}
