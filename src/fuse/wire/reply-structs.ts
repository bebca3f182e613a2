/**
 * Structs that the server sends: replies, directory entries, notifications, and arguments of ioctl(2) on
 * /dev/fuse. `AttrOut` is `struct fuse_attr_out` of linux/fuse.h, and so on; members have the kernel's names.
 */
import { array, i32, i64, nested, struct, u16, u32, u64 } from './struct.js';

export const OutHeader = struct({ len: u32, error: i32, unique: u64 });

export const InitOut = struct({
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  max_background: u16,
  congestion_threshold: u16,
  max_write: u32,
  time_gran: u32,
  max_pages: u16,
  map_alignment: u16,
  flags2: u32,
  /** 7.40 */
  max_stack_depth: u32,
  /** 7.43 */
  request_timeout: u16,
  unused: array(u16, 11),
});

/** Times are signed, although fuse.h declares them as unsigned. */
export const Attr = struct({
  ino: u64,
  size: u64,
  blocks: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
});

export const EntryOut = struct({
  nodeid: u64,
  generation: u64,
  entry_valid: u64,
  attr_valid: u64,
  entry_valid_nsec: u32,
  attr_valid_nsec: u32,
  attr: nested(Attr),
});

export const AttrOut = struct({ attr_valid: u64, attr_valid_nsec: u32, dummy: u32, attr: nested(Attr) });

/** 7.39 */
export const SxTime = struct({ tv_sec: i64, tv_nsec: u32, __reserved: i32 });

/** 7.39. The same as `struct statx` of linux/stat.h. */
export const Statx = struct({
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  __spare0: array(u16, 1),
  ino: u64,
  size: u64,
  blocks: u64,
  attributes_mask: u64,
  atime: nested(SxTime),
  btime: nested(SxTime),
  ctime: nested(SxTime),
  mtime: nested(SxTime),
  rdev_major: u32,
  rdev_minor: u32,
  dev_major: u32,
  dev_minor: u32,
  __spare2: array(u64, 14),
});

/** 7.39 */
export const StatxOut = struct({
  attr_valid: u64,
  attr_valid_nsec: u32,
  flags: u32,
  spare: array(u64, 2),
  stat: nested(Statx),
});

/** `backing_id` since 7.40, before that it was padding. */
export const OpenOut = struct({ fh: u64, open_flags: u32, backing_id: i32 });

/** The count of bytes that WRITE and COPY_FILE_RANGE have written. */
export const WriteOut = struct({ size: u32, padding: u32 });
/** The size of the value of GETXATTR, or of the list of LISTXATTR. */
export const GetxattrOut = struct({ size: u32, padding: u32 });
export const LseekOut = struct({ offset: u64 });
/** 7.45. The count of bytes that COPY_FILE_RANGE_64 has written. */
export const CopyFileRangeOut = struct({ bytes_copied: u64 });

export const Kstatfs = struct({
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  padding: u32,
  spare: array(u32, 6),
});
export const StatfsOut = struct({ st: nested(Kstatfs) });

export const IoctlOut = struct({ result: i32, flags: u32, in_iovs: u32, out_iovs: u32 });

/** One entry of READDIR; the name follows, then zeros up to a multiple of 8 bytes. */
export const Dirent = struct({ ino: u64, off: u64, namelen: u32, type: u32 });
/** One entry of READDIRPLUS; the name follows as it does in {@link Dirent}. */
export const Direntplus = struct({ entry_out: nested(EntryOut), dirent: nested(Dirent) });

export const NotifyInvalInodeOut = struct({ ino: u64, off: i64, len: i64 });
/** The data follows. */
export const NotifyStoreOut = struct({ nodeid: u64, offset: u64, size: u32, padding: u32 });

/** 7.40. The argument of DEV_IOC_BACKING_OPEN. */
export const BackingMap = struct({ fd: i32, flags: u32, padding: u64 });
