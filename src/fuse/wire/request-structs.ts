/**
 * Structs that the kernel sends: headers and bodies of requests. `SetattrIn` is `struct fuse_setattr_in` of
 * linux/fuse.h, and so on; members have the kernel's names. Names, targets and data that follow a struct
 * begin at its `sizeof`.
 */
import { array, i64, struct, u16, u32, u64 } from './struct.js';

export const InHeader = struct({
  len: u32,
  opcode: u32,
  unique: u64,
  nodeid: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  total_extlen: u16,
  padding: u16,
});

/** Before 7.36 the struct ended before `flags2`. */
export const InitIn = struct({
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  flags2: u32,
  unused: array(u32, 11),
});

export const InterruptIn = struct({ unique: u64 });

export const ForgetIn = struct({ nlookup: u64 });
/** As many {@link ForgetOne} follow as `count` is. */
export const BatchForgetIn = struct({ count: u32, dummy: u32 });
export const ForgetOne = struct({ nodeid: u64, nlookup: u64 });

/** Times are signed, although fuse.h declares them as unsigned. */
export const SetattrIn = struct({
  valid: u32,
  padding: u32,
  fh: u64,
  size: u64,
  lock_owner: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  unused4: u32,
  uid: u32,
  gid: u32,
  unused5: u32,
});

export const MknodIn = struct({ mode: u32, rdev: u32, umask: u32, padding: u32 });
export const MkdirIn = struct({ mode: u32, umask: u32 });
export const LinkIn = struct({ oldnodeid: u64 });
export const RenameIn = struct({ newdir: u64 });
export const Rename2In = struct({ newdir: u64, flags: u32, padding: u32 });

export const OpenIn = struct({ flags: u32, open_flags: u32 });
export const CreateIn = struct({ flags: u32, mode: u32, umask: u32, open_flags: u32 });
export const ReleaseIn = struct({ fh: u64, flags: u32, release_flags: u32, lock_owner: u64 });

/** READDIR and READDIRPLUS have it too; `offset` is then the cookie. */
export const ReadIn = struct({
  fh: u64,
  offset: u64,
  size: u32,
  read_flags: u32,
  lock_owner: u64,
  flags: u32,
  padding: u32,
});

export const WriteIn = struct({
  fh: u64,
  offset: u64,
  size: u32,
  write_flags: u32,
  lock_owner: u64,
  flags: u32,
  padding: u32,
});

export const FsyncIn = struct({ fh: u64, fsync_flags: u32, padding: u32 });
export const FallocateIn = struct({ fh: u64, offset: u64, length: u64, mode: u32, padding: u32 });
export const LseekIn = struct({ fh: u64, offset: u64, whence: u32, padding: u32 });

export const CopyFileRangeIn = struct({
  fh_in: u64,
  off_in: u64,
  nodeid_out: u64,
  fh_out: u64,
  off_out: u64,
  len: u64,
  flags: u64,
});

/** Without SETXATTR_EXT (before 7.33) the struct ended before `setxattr_flags`. */
export const SetxattrIn = struct({ size: u32, flags: u32, setxattr_flags: u32, padding: u32 });
/** LISTXATTR has it too. */
export const GetxattrIn = struct({ size: u32, padding: u32 });

export const IoctlIn = struct({ fh: u64, flags: u32, cmd: u32, arg: u64, in_size: u32, out_size: u32 });
