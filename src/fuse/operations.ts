/**
 * The contract between a transport and a file system: what the kernel asks for, one method per request, in
 * plain values. `src/fuse` calls it, `src/union` implements it, and neither imports the other's code: these
 * are types, and the one class {@link Parked}.
 *
 * - A method returns its answer or throws `FsError`; the transport alone writes replies.
 * - Calls never overlap: one thread makes them, one after the other.
 * - An answer (an {@link Entry}, a `FileStat`, a {@link Opened}) belongs to the file system and is valid
 *   until the next call: the transport encodes it at once and keeps nothing, so an implementation can reuse
 *   one object.
 * - Every node is named by its nodeid. There are no file handles: all opens of a node share what the file
 *   system holds for it, which is what lets a reader see what is written after a copy-up.
 */
import type { AccessTimes } from '../core/access-times.js';
import type { EntryName, NodeId } from '../core/brand.js';
import type { FileStat, Moment } from '../core/file-stat.js';

/** Who asks. `umask` is set only for requests that create (the transport asks the kernel not to apply it). */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  readonly umask: number;
  /** Has the rights of the superuser here; absent: if uid is 0. */
  readonly isRoot?: boolean;
  /**
   * Whether the caller's changes leave set-gid without group execute on a file of this owner and group.
   * Absent: decided by the groups and capabilities of pid.
   */
  mayKeepSetGid?(uid: number, gid: number): boolean;
}

/**
 * A name that leads to a node. Each one handed out counts as one lookup of the node, taken back by `forget`.
 */
export interface Entry {
  readonly nodeid: NodeId;
  readonly attr: FileStat;
  /**
   * False while the attributes can change without a request (a writable mapping of a backing file): do not
   * cache.
   */
  readonly cacheAttr: boolean;
}

export interface Attributes {
  readonly attr: FileStat;
  /** See {@link Entry.cacheAttr}. */
  readonly cacheAttr: boolean;
}

export interface Opened {
  /** Keep the page cache of earlier opens (FOPEN_KEEP_CACHE). */
  readonly keepCache: boolean;
  /** Id of a registered backing file for passthrough; 0: reads and writes come as requests. */
  readonly backingId: number;
  /**
   * With a backing file: the kernel still sends reads and writes of this open as requests, with the flags
   * that the descriptor has at that moment. Only mappings use the backing file.
   */
  readonly direct: boolean;
}

/** A time to set: a value, or the server's clock. */
export type TimeChange = 'now' | { readonly sec: number; readonly nsec: number };

/** What SETATTR asks for; an absent member is left alone. */
export interface AttributeChange {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: TimeChange;
  mtime?: TimeChange;
  /** The caller lacks CAP_FSETID: a truncate drops set-id bits (FATTR_KILL_SUIDGID). */
  killSetId?: boolean;
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

/** Where a directory listing goes. Cookies are opaque, larger than 0, and ascending. */
export interface DirectorySink {
  /** Whether one more entry with a name of this many bytes has room; ask before each add. */
  fits(nameBytes: number): boolean;
  /** READDIR: a name, its inode number and DT_* type. `cookie` continues after this entry. */
  add(name: EntryName, ino: number, type: number, cookie: number): void;
  /**
   * READDIRPLUS: as `add`, with the entry that a lookup would have given; null for `.` and `..` (not a
   * lookup).
   */
  addPlus(name: EntryName, ino: number, type: number, cookie: number, entry: Entry | null): void;
}

/** What the transport can do for the file system on the kernel's side. */
export interface KernelChannel {
  /** Registers an open fd as backing file. Returns an id > 0, or a negative errno. */
  backingOpen(fd: number): number;
  backingClose(backingId: number): void;
  /**
   * The kernel's cached attributes of the node are out of date. A node the kernel does not know is not an
   * error.
   */
  invalidateAttributes(nodeid: NodeId): void;
  /** Cached attributes and pages of the node are out of date. */
  invalidateData(nodeid: NodeId): void;
  /** The largest `size` for {@link storeData}; 0: the transport cannot do that. */
  readonly storeLimit: number;
  /**
   * Puts the first `size` bytes of the file `fd` where the kernel looks before it asks for them with READ.
   * Only for a node of which the kernel has no pages, because nobody has had it open yet. That it fails says
   * nothing: READ comes.
   */
  storeData(nodeid: NodeId, fd: number, size: number): void;
}

/**
 * Thrown by an operation that has to wait for work done elsewhere (a large copy-up). The transport keeps the
 * request, serves others, and starts it from the beginning when {@link Operations.takeCompleted} returns the
 * same key. An operation that parks has changed nothing yet.
 */
export class Parked {
  constructor(readonly key: number) {}
}

export interface Operations {
  /** Called once, after the kernel has answered INIT. `passthrough`: backing files may be registered. */
  attach(channel: KernelChannel, abilities: { readonly passthrough: boolean }): void;

  /** null: no such name, an answer that the kernel may cache. */
  lookup(parent: NodeId, name: EntryName): Entry | null;
  forget(nodeid: NodeId, nlookup: number): void;
  getattr(nodeid: NodeId): Attributes;
  /** The time of birth of the object (man statx(2)); null: unknown. */
  birth(nodeid: NodeId): Moment | null;
  setattr(nodeid: NodeId, change: AttributeChange, caller: Caller): Attributes;
  /** The target's bytes, latin1-decoded. */
  readlink(nodeid: NodeId): string;

  mknod(parent: NodeId, name: EntryName, mode: number, rdev: number, caller: Caller): Entry;
  mkdir(parent: NodeId, name: EntryName, mode: number, caller: Caller): Entry;
  symlink(parent: NodeId, name: EntryName, target: string, caller: Caller): Entry;
  link(nodeid: NodeId, parent: NodeId, name: EntryName): Entry;
  unlink(parent: NodeId, name: EntryName): void;
  rmdir(parent: NodeId, name: EntryName): void;
  /** `flags`: RENAME_NOREPLACE, RENAME_EXCHANGE; anything else is EINVAL. */
  rename(parent: NodeId, name: EntryName, newParent: NodeId, newName: EntryName, flags: number): void;

  /**
   * `killSetIdFor`: the caller, if O_TRUNC is by one without CAP_FSETID (FUSE_OPEN_KILL_SUIDGID), else null.
   */
  open(nodeid: NodeId, flags: number, killSetIdFor: Caller | null): Opened;
  create(
    parent: NodeId,
    name: EntryName,
    mode: number,
    flags: number,
    caller: Caller,
  ): { entry: Entry; opened: Opened };
  /** An unnamed file in `parent`'s file system (O_TMPFILE); `link` can give it a name. */
  tmpfile(parent: NodeId, mode: number, flags: number, caller: Caller): { entry: Entry; opened: Opened };
  release(nodeid: NodeId, flags: number): void;
  /**
   * Reads up to `size` bytes at `offset` into `into` from `at`; returns how many.
   * @param flags the descriptor's flags at this moment; with O_NOATIME the access time is not updated
   */
  read(nodeid: NodeId, into: Buffer, at: number, size: number, offset: number, flags?: number): number;
  /**
   * Returns bytes written.
   * @param killSetIdFor the caller, if without CAP_FSETID (FUSE_WRITE_KILL_SUIDGID), else null
   * @param flags the descriptor's flags at this moment, and those of the write itself (O_DSYNC, O_SYNC)
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
   * As {@link write}, for pages that a mapping has changed: file attributes other than times stay as they
   * are.
   */
  writeBack(nodeid: NodeId, from: Buffer, at: number, size: number, offset: number): number;
  fsync(nodeid: NodeId, datasync: boolean): void;
  fsyncdir(nodeid: NodeId, datasync: boolean): void;
  fallocate(nodeid: NodeId, mode: number, offset: number, length: number, caller: Caller): void;
  /** SEEK_DATA and SEEK_HOLE only; the kernel does the others. */
  lseek(nodeid: NodeId, offset: number, whence: number): number;
  copyFileRange(from: NodeId, fromOffset: number, to: NodeId, toOffset: number, length: number, caller: Caller): number;

  /**
   * Adds entries after `cookie` (0: from the start) until the sink is full or the directory ends.
   * @param isQuiet do not update the directory's access time
   */
  readdir(nodeid: NodeId, cookie: number, plus: boolean, sink: DirectorySink, isQuiet?: boolean): void;

  statfs(nodeid: NodeId): StatFs;
  /** null: not set (ENODATA). */
  getxattr(nodeid: NodeId, name: string): Buffer | null;
  /** Names, without terminating NULs. */
  listxattr(nodeid: NodeId, caller: Caller): string[];
  /**
   * `flags`: XATTR_CREATE, XATTR_REPLACE. `killSetGid`: an ACL set by a caller outside the group
   * (FUSE_SETXATTR_ACL_KILL_SGID).
   */
  setxattr(nodeid: NodeId, name: string, value: Buffer, flags: number, killSetGid: boolean): void;
  removexattr(nodeid: NodeId, name: string): void;

  /** Inode flags (FS_IOC_GETFLAGS, man ioctl_iflags(2)). */
  getFlags(nodeid: NodeId): number;
  setFlags(nodeid: NodeId, flags: number): void;
  /** The 28 bytes of `struct fsxattr` (FS_IOC_FSGETXATTR). */
  getFsxattr(nodeid: NodeId): Buffer;
  setFsxattr(nodeid: NodeId, fsxattr: Buffer): void;

  /**
   * Makes what the file system keeps only while it is mounted part of its layers (pseudo-links become hard
   * links): asked for before an orderly unmount, and repeated by {@link close}. EPERM for a caller who may
   * not ask.
   */
  flushPseudoLinks(caller: Caller): void;
  /** Called once, when the mount exists. @param id see `mountedId` */
  mounted(id: number): void;
  /**
   * Called when the flags of the mount have changed.
   * @param change `syncs`: write what was written so far to disk
   * @throws see `reportRemounted`
   */
  remounted(change: { readonly accessTimes: AccessTimes; readonly syncs: boolean }, caller: Caller): void;

  /**
   * Does a little of what will probably be asked for next: called when no request waits, so that one that
   * comes does not wait long. Fails silently. False: there is nothing to do until the next request.
   */
  anticipate(): boolean;

  /** fsync and fsyncdir do nothing (volatile): the kernel need not ask. */
  readonly noSync: boolean;
  /**
   * Extended attributes that there are: with `none` the kernel need not ask, with `no-acls` it keeps no ACLs.
   */
  readonly xattrs: 'all' | 'no-acls' | 'none';
  /** An fd that becomes readable when parked requests can go on, and perhaps when none can. */
  readonly completionFd: number;
  /**
   * Reads {@link completionFd} and returns the keys whose work has ended.
   * @param isAwaited whether a parked request still waits for a key; its caller may have died
   */
  takeCompleted(isAwaited: (key: number) => boolean): number[];
  /** How far the work that is named by `key` has come: a number that changes while it goes on. */
  progress(key: number): number;
  /** The mount is gone: close every fd. */
  close(): void;
}
