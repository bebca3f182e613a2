/**
 * The contract between a transport and a file system: one method for each request of the kernel, with plain
 * values. `src/fuse` calls it, and `src/union` implements it. Neither imports code of the other: these are
 * types, and the one class {@link Parked}.
 *
 * - A method returns its result or throws `FsError`. Only the transport writes replies.
 * - Calls never overlap: one thread makes them, one after the other.
 * - A result (an {@link Entry}, a `FileStat`, an {@link Opened}) belongs to the file system and is valid
 *   until the next call. The transport encodes it at once and keeps nothing, so an implementation can reuse
 *   one object.
 * - Every node is named by its nodeid. There are no file handles: all opens of a node share what the file
 *   system holds for it. So a reader that opened the file before a copy-up sees later writes.
 */
import type { AccessTimes } from '../core/access-times.js';
import type { EntryName, NodeId } from '../core/brand.js';
import type { FileStat, Moment } from '../core/file-stat.js';

/** The process that makes a request. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** Set only for requests that create an object. The kernel has not applied it. */
  readonly umask: number;
  /** The caller has the rights of the superuser in the mount. Absent: it has them if uid is 0. */
  readonly isRoot?: boolean;
  /**
   * Whether a file of this owner and group keeps set-gid without group execute when the caller changes it.
   * Absent: the groups and capabilities of pid decide.
   */
  mayKeepSetGid?(uid: number, gid: number): boolean;
}

/** The node of a name. Each entry that a method returns counts as one lookup of the node, until `forget`. */
export interface Entry {
  readonly nodeid: NodeId;
  readonly attr: FileStat;
  /**
   * False: the kernel must not cache the attributes, because they can change without a request (by a writable
   * mapping of a backing file).
   */
  readonly cacheAttr: boolean;
}

export interface Attributes {
  readonly attr: FileStat;
  /** See {@link Entry.cacheAttr}. */
  readonly cacheAttr: boolean;
}

export interface Opened {
  /** The kernel keeps the pages of earlier opens (FOPEN_KEEP_CACHE). */
  readonly keepCache: boolean;
  /** Id of a registered backing file for passthrough; 0: the kernel sends reads and writes as requests. */
  readonly backingId: number;
  /**
   * With a backing file: the kernel still sends reads and writes of this open as requests, with the flags
   * that the descriptor has at that moment. Only mappings use the backing file.
   */
  readonly direct: boolean;
}

/** A time to set: a value, or the server's clock. */
export type TimeChange = 'now' | { readonly sec: number; readonly nsec: number };

/** The attributes that SETATTR changes. Those whose member is absent stay as they are. */
export interface AttributeChange {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: TimeChange;
  mtime?: TimeChange;
  /** The caller lacks CAP_FSETID, so that a truncation clears set-id bits (FATTR_KILL_SUIDGID). */
  killSetId?: boolean;
}

/** A file that CREATE or TMPFILE makes and opens. */
export interface NewFile {
  readonly mode: number;
  /** The flags of the open. */
  readonly flags: number;
}

export interface CreatedFile {
  readonly entry: Entry;
  readonly opened: Opened;
}

/** An object that MKNOD makes: a regular file, device, fifo or socket. */
export interface NewSpecial {
  readonly mode: number;
  /** The number of a device; else 0. */
  readonly rdev: number;
}

/** The arguments of fallocate(2). */
export interface Allocation {
  readonly mode: number;
  readonly offset: number;
  readonly length: number;
}

/** The arguments of copy_file_range(2). */
export interface RangeCopy {
  readonly from: NodeId;
  readonly fromOffset: number;
  readonly to: NodeId;
  readonly toOffset: number;
  readonly length: number;
}

export interface SetXattrOptions {
  /** XATTR_CREATE, XATTR_REPLACE or 0. */
  readonly flags: number;
  /** The xattr is an ACL, and the caller is outside the group of the file (FUSE_SETXATTR_ACL_KILL_SGID). */
  readonly killSetGid: boolean;
}

export interface ListingOptions {
  /** The sink takes the entries that lookups return (READDIRPLUS). */
  readonly plus: boolean;
  /** The directory's access time is not updated (O_NOATIME). */
  readonly noatime: boolean;
  /**
   * The kernel keeps attributes until they are invalidated, so it needs none of a node that it has looked up
   * and that has not changed.
   */
  readonly keepsAttributes?: boolean;
}

export interface StatFs {
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly bsize: number;
  readonly frsize: number;
  readonly namelen: number;
}

/** Takes the entries of a listing. Cookies are opaque, larger than 0, and ascending. */
export interface DirectorySink {
  /** Whether there is room for one more entry with a name of this many bytes. Call it before each `add`. */
  fits(nameBytes: number): boolean;
  /** READDIR: a name, its inode number and DT_* type. A listing from `cookie` begins after this entry. */
  add(name: EntryName, ino: number, type: number, cookie: number): void;
  /**
   * READDIRPLUS: the same, and the entry that a lookup would return; null for `.` and `..`, which are no
   * lookups.
   */
  addPlus(name: EntryName, ino: number, type: number, cookie: number, entry: Entry | null): void;
}

/** Messages of the file system to the kernel. */
export interface KernelChannel {
  /** Registers an open fd as backing file. Returns an id > 0, or a negative errno. */
  backingOpen(fd: number): number;
  backingClose(backingId: number): void;
  /**
   * Makes the kernel drop the attributes that it has cached of the node. Does nothing if it does not know the
   * node.
   */
  invalidateAttributes(nodeid: NodeId): void;
  /** Makes the kernel drop attributes and pages of the node. */
  invalidateData(nodeid: NodeId): void;
  /** The largest `size` for {@link storeData}; 0: the transport cannot store data. */
  readonly storeLimit: number;
  /**
   * Stores the first `size` bytes of the file `fd` in the kernel's page cache, so that the kernel need not
   * send READ. Only for a node that no process has opened yet, so the kernel has no pages of it. A
   * failure is harmless: the kernel will send READ.
   */
  storeData(nodeid: NodeId, fd: number, size: number): void;
  /**
   * Begins to sync `fd` while other mounts are served, and calls `done` with 0 or an errno when it is synced;
   * then {@link Operations.takeCompleted}. `fd` can be closed meanwhile. Returns false if no other mount
   * waits for the thread, or if it is not possible.
   */
  syncInBackground(fd: number, done: (errno: number) => void): boolean;
}

/**
 * Thrown by an operation that has to wait for work in another thread (a large copy-up). The transport keeps
 * the request and serves others. When {@link Operations.takeCompleted} returns the same key, the transport
 * serves the request again from its beginning. So the operation must not have changed anything before it
 * throws this.
 */
export class Parked {
  constructor(readonly key: number) {}
}

/** Writes what is open by `fd` to disk; with `datasync` only its data. */
export type SyncFd = (fd: number, datasync: boolean) => void;

export interface Operations {
  /** Called once, after INIT. `passthrough`: the file system can register backing files. */
  attach(channel: KernelChannel, abilities: { readonly passthrough: boolean }): void;

  /** null: no such name. The kernel may cache that. */
  lookup(parent: NodeId, name: EntryName): Entry | null;
  forget(nodeid: NodeId, nlookup: number): void;
  getattr(nodeid: NodeId): Attributes;
  /** The time of birth of the object (man statx(2)); null: unknown. */
  birth(nodeid: NodeId): Moment | null;
  setattr(nodeid: NodeId, change: AttributeChange, caller: Caller): Attributes;
  /** The bytes of the target, latin1-decoded. */
  readlink(nodeid: NodeId): string;

  mknod(parent: NodeId, name: EntryName, special: NewSpecial, caller: Caller): Entry;
  mkdir(parent: NodeId, name: EntryName, mode: number, caller: Caller): Entry;
  symlink(parent: NodeId, name: EntryName, target: string, caller: Caller): Entry;
  link(nodeid: NodeId, parent: NodeId, name: EntryName): Entry;
  unlink(parent: NodeId, name: EntryName): void;
  rmdir(parent: NodeId, name: EntryName): void;
  /**
   * The parameters and their order are those of renameat2(2).
   * @param flags RENAME_NOREPLACE, RENAME_EXCHANGE; anything else is EINVAL
   */
  rename(parent: NodeId, name: EntryName, newParent: NodeId, newName: EntryName, flags: number): void;

  /**
   * @param killSetIdFor the caller, if `flags` has O_TRUNC and the caller lacks CAP_FSETID
   * (FUSE_OPEN_KILL_SUIDGID); else null
   */
  open(nodeid: NodeId, flags: number, killSetIdFor: Caller | null): Opened;
  create(parent: NodeId, name: EntryName, file: NewFile, caller: Caller): CreatedFile;
  /** An unnamed file in `parent`'s file system (O_TMPFILE); `link` can give it a name. */
  tmpfile(parent: NodeId, file: NewFile, caller: Caller): CreatedFile;
  release(nodeid: NodeId, flags: number): void;
  /**
   * Reads up to `size` bytes at `offset` of the file into `into`, from its byte `at` on. Returns how many.
   * The order of the parameters is that of pread(2). They are not members of an object, because that would be
   * one more object for each READ.
   * @param flags the flags that the descriptor has at this moment; with O_NOATIME the access time is not
   * updated
   */
  read(nodeid: NodeId, into: Buffer, at: number, size: number, offset: number, flags?: number): number;
  /**
   * Writes `size` bytes of `from`, from its byte `at` on, to `offset` of the file. Returns how many were
   * written. The parameters are as of {@link read}.
   * @param killSetIdFor the caller, if it lacks CAP_FSETID (FUSE_WRITE_KILL_SUIDGID); else null
   * @param flags the flags that the descriptor has at this moment, and those of the write itself (O_DSYNC,
   * O_SYNC)
   */
  write(
    nodeid: NodeId,
    from: Buffer,
    at: number,
    size: number,
    offset: number,
    killSetIdFor: Caller | null,
    flags?: number,
  ): number;
  /**
   * Writes pages that a mapping has changed. The attributes of the file stay as they are, but for its times.
   */
  writeBack(nodeid: NodeId, from: Buffer, at: number, size: number, offset: number): number;
  /**
   * @param syncFd syncs the fd, or begins to: the method does not use the fd after the call, but can close
   * it. Absent: the method waits for the disk
   */
  fsync(nodeid: NodeId, datasync: boolean, syncFd?: SyncFd): void;
  /** @param syncFd as for {@link fsync} */
  fsyncdir(nodeid: NodeId, datasync: boolean, syncFd?: SyncFd): void;
  fallocate(nodeid: NodeId, allocation: Allocation, caller: Caller): void;
  /** SEEK_DATA and SEEK_HOLE. The kernel serves all others itself. */
  lseek(nodeid: NodeId, offset: number, whence: number): number;
  /** Returns how many bytes were copied; fewer than requested are no error. */
  copyFileRange(copy: RangeCopy, caller: Caller): number;

  /** Adds entries after `cookie` (0: from the start) until the sink is full or the directory ends. */
  readdir(nodeid: NodeId, cookie: number, sink: DirectorySink, options: ListingOptions): void;

  statfs(nodeid: NodeId): StatFs;
  /** null: not set (ENODATA). */
  getxattr(nodeid: NodeId, name: string): Buffer | null;
  /** Names, without a NUL at their end. */
  listxattr(nodeid: NodeId, caller: Caller): string[];
  setxattr(nodeid: NodeId, name: string, value: Buffer, options: SetXattrOptions): void;
  removexattr(nodeid: NodeId, name: string): void;

  /** Inode flags (FS_IOC_GETFLAGS, man ioctl_iflags(2)). */
  getFlags(nodeid: NodeId): number;
  setFlags(nodeid: NodeId, flags: number): void;
  /** The 28 bytes of `struct fsxattr` (FS_IOC_FSGETXATTR). */
  getFsxattr(nodeid: NodeId): Buffer;
  setFsxattr(nodeid: NodeId, fsxattr: Buffer): void;

  /**
   * Writes the pseudo-links, which exist only in the mount, to the layers as hard links. Called before an
   * orderly unmount; {@link close} does it again. Throws EPERM if the caller has no right to it.
   */
  flushPseudoLinks(caller: Caller): void;
  /** Called once, when the mount exists. @param id see `mountedId` */
  mounted(id: number): void;
  /**
   * Called when the flags of the mount have changed.
   * @param change `syncs`: sync the upper to disk
   * @throws see `reportRemounted`
   */
  remounted(change: { readonly accessTimes: AccessTimes; readonly syncs: boolean }, caller: Caller): void;

  /**
   * Prefetches a little of what the kernel will probably request next. Called when no request waits, and
   * returns soon, so that the next one does not wait. Never throws. Returns false if there is nothing to do
   * until the next request.
   */
  prefetch(): boolean;

  /** fsync and fsyncdir do nothing (volatile), so the kernel need not send them. */
  readonly noSync: boolean;
  /**
   * The extended attributes that exist. With `none` the kernel sends no request; with `no-acls` it keeps no
   * ACLs.
   */
  readonly xattrs: 'all' | 'no-acls' | 'none';
  /** How many nodes the kernel can use, for statistics. */
  readonly nodeCount: number;
  /** An fd that becomes readable when parked requests can be resumed, and perhaps at other times. */
  readonly completionFd: number;
  /**
   * Reads {@link completionFd} and returns the keys whose work has ended.
   * @param isAwaited whether a parked request still waits for a key, or its caller has died
   */
  takeCompleted(isAwaited: (key: number) => boolean): number[];
  /** The progress of the work that `key` names: a number that changes as long as the work continues. */
  progress(key: number): number;
  /** Called when the number of mounts has changed that share the fds of the process. */
  adjustFds(): void;
  /** Closes every fd. Called once, when the mount has ended. */
  close(): void;
}
