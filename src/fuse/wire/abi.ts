/**
 * Numbers of the FUSE kernel protocol (linux/fuse.h). Comments name the version for those that are newer than
 * 7.38. The structs are in `request-structs.ts` and `reply-structs.ts`.
 */

export const FUSE_MAJOR = 7;
/**
 * The newest version that the server speaks. To an older kernel it replies with the kernel's minor version.
 */
export const FUSE_MINOR = 45;
/**
 * The version of Linux 5.4: the oldest that the server supports. It has everything that the transport relies
 * on.
 */
export const FUSE_MIN_MINOR = 31;

/** The most data in one READ or WRITE. The sysctl fs.fuse.max_pages_limit, 256 pages by default, sets it. */
export const MAX_DATA = 1 << 20;
export const PAGE_SIZE = 4096;

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  GETLK: 31,
  SETLK: 32,
  SETLKW: 33,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  BMAP: 37,
  DESTROY: 38,
  IOCTL: 39,
  POLL: 40,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SETUPMAPPING: 48,
  REMOVEMAPPING: 49,
  SYNCFS: 50,
  TMPFILE: 51,
  /** 7.39 */
  STATX: 52,
  /** 7.45 */
  COPY_FILE_RANGE_64: 53,
} as const;

/** One more than the largest opcode. */
export const OPCODE_LIMIT = 54;

/** `fuse_setattr_in.valid`. */
export const Fattr = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  KILL_SUIDGID: 1 << 11,
} as const;

/** `fuse_statx.mask`. */
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;

/** `fuse_open_out.open_flags`. */
export const Fopen = {
  DIRECT_IO: 1 << 0,
  KEEP_CACHE: 1 << 1,
  NOFLUSH: 1 << 5,
  /** 7.40 */
  PASSTHROUGH: 1 << 7,
} as const;

/** `fuse_open_in.open_flags` and `fuse_create_in.open_flags`. */
export const OPEN_KILL_SUIDGID = 1 << 0;
/** `fuse_setxattr_in.setxattr_flags`. */
export const SETXATTR_ACL_KILL_SGID = 1 << 0;
/** `fuse_write_in.write_flags`. */
export const WRITE_CACHE = 1 << 0;
export const WRITE_KILL_SUIDGID = 1 << 2;
/** `fuse_fsync_in.fsync_flags`. */
export const FSYNC_FDATASYNC = 1 << 0;

/** `fuse_out_header.error` of a notification: a message with `unique` 0 (enum fuse_notify_code). */
export const NOTIFY_INVAL_INODE = 2;
export const NOTIFY_STORE = 4;

/** INIT flags: bits 0 to 31, in `flags`. */
export const InitFlag = {
  ASYNC_READ: 1 << 0,
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  HAS_IOCTL_DIR: 1 << 11,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  PARALLEL_DIROPS: 1 << 18,
  POSIX_ACL: 1 << 20,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  NO_OPENDIR_SUPPORT: 1 << 24,
  EXPLICIT_INVAL_DATA: 1 << 25,
  HANDLE_KILLPRIV_V2: 1 << 28,
  SETXATTR_EXT: 1 << 29,
  INIT_EXT: 1 << 30,
} as const;

/** INIT flags: bits from 32 on, shifted down by 32, in `flags2`. */
export const InitFlag2 = {
  /** 7.40 */
  PASSTHROUGH: 1 << (37 - 32),
  /** 7.40 */
  NO_EXPORT_SUPPORT: 1 << (38 - 32),
  /** 7.41 */
  ALLOW_IDMAP: 1 << (40 - 32),
} as const;

/** _IOW(229, 1, struct fuse_backing_map), 7.40. */
export const DEV_IOC_BACKING_OPEN = 0x4010e501;
/** _IOW(229, 2, uint32_t), 7.40. */
export const DEV_IOC_BACKING_CLOSE = 0x4004e502;
