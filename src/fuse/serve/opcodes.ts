/**
 * One row per request of the kernel: what it is called, who serves it, whether it is answered. The
 * dispatcher, the trace, the statistics and the refusal of what is not served all read this table.
 */
import { Errno } from '../../core/errno.js';
import * as attributes from '../handlers/attributes.js';
import * as directories from '../handlers/directories.js';
import type { Exchange, Handler } from '../handlers/exchange.js';
import * as files from '../handlers/files.js';
import { ioctl } from '../handlers/ioctl.js';
import * as names from '../handlers/names.js';
import * as xattrs from '../handlers/xattrs.js';
import { OPCODE_LIMIT, Opcode } from '../wire/abi.js';

export interface Row {
  readonly name: string;
  readonly handle: Handler;
  /** False: the kernel waits for no answer and takes none. */
  readonly replies: boolean;
  /**
   * Changes the tree: refused with EROFS where the mount is read-only, however the kernel came to send it.
   */
  readonly changes: boolean;
  /** The body begins with the nodeid of a second object that it changes. */
  readonly other: boolean;
  /** Where in the body a name stands that helps a person; -1: nowhere. */
  readonly nameAt: number;
  /**
   * What a successful answer hands to the kernel, to be taken back when the kernel does not take the answer.
   */
  readonly grants: 'nothing' | 'entry' | 'open' | 'entry+open' | 'entries';
}

const SERVED: Omit<Row, 'name' | 'handle'> = {
  replies: true,
  changes: false,
  other: false,
  nameAt: -1,
  grants: 'nothing',
};

/** The kernel does without, and for most of these does not ask a second time. */
const notServed: Handler = () => Errno.ENOSYS;
const nothingToDo: Handler = () => 0;

/** With a volatile upper the first fsync is the last that the kernel asks for. */
function unlessVolatile(handle: Handler): Handler {
  return (exchange: Exchange) => (exchange.operations.noSync ? Errno.ENOSYS : handle(exchange));
}

/** Without any extended attributes the first such request is the last that the kernel makes. */
function unlessNone(handle: Handler): Handler {
  return (exchange: Exchange) => (exchange.operations.xattrs === 'none' ? Errno.ENOSYS : handle(exchange));
}

const rows: { readonly [name in keyof typeof Opcode]: Partial<Row> & Pick<Row, 'handle'> } = {
  LOOKUP: { handle: names.lookup, nameAt: 0, grants: 'entry' },
  FORGET: { handle: names.forget, replies: false },
  BATCH_FORGET: { handle: names.batchForget, replies: false },
  MKNOD: { handle: names.mknod, changes: true, nameAt: 16, grants: 'entry' },
  MKDIR: { handle: names.mkdir, changes: true, nameAt: 8, grants: 'entry' },
  SYMLINK: { handle: names.symlink, changes: true, nameAt: 0, grants: 'entry' },
  LINK: { handle: names.link, changes: true, other: true, nameAt: 8, grants: 'entry' },
  UNLINK: { handle: names.unlink, changes: true, nameAt: 0 },
  RMDIR: { handle: names.rmdir, changes: true, nameAt: 0 },
  RENAME: { handle: names.rename, changes: true, other: true, nameAt: 8 },
  RENAME2: { handle: names.rename2, changes: true, other: true, nameAt: 16 },

  GETATTR: { handle: attributes.getattr },
  SETATTR: { handle: attributes.setattr, changes: true },
  READLINK: { handle: attributes.readlink },
  STATFS: { handle: attributes.statfs },
  // 7.39; sent when a caller asks statx(2) for the time of birth, which GETATTR does not carry.
  STATX: { handle: attributes.statx },
  // Permissions are the kernel's to check (default_permissions).
  ACCESS: { handle: notServed },

  OPEN: { handle: files.open, grants: 'open' },
  CREATE: { handle: files.create, changes: true, nameAt: 16, grants: 'entry+open' },
  TMPFILE: { handle: files.tmpfile, changes: true, grants: 'entry+open' },
  RELEASE: { handle: files.release },
  READ: { handle: files.read },
  WRITE: { handle: files.write, changes: true },
  FSYNC: { handle: unlessVolatile(files.fsync) },
  FALLOCATE: { handle: files.fallocate, changes: true },
  LSEEK: { handle: files.lseek },
  COPY_FILE_RANGE: { handle: files.copyFileRange, changes: true },
  COPY_FILE_RANGE_64: { handle: files.copyFileRange64, changes: true },
  // A close has nothing to tell us: no write is held back on our side.
  FLUSH: { handle: notServed },

  OPENDIR: { handle: directories.opendir },
  RELEASEDIR: { handle: nothingToDo },
  READDIR: { handle: directories.readdir },
  READDIRPLUS: { handle: directories.readdirplus, grants: 'entries' },
  FSYNCDIR: { handle: unlessVolatile(directories.fsyncdir) },

  GETXATTR: { handle: unlessNone(xattrs.getxattr), nameAt: 8 },
  LISTXATTR: { handle: unlessNone(xattrs.listxattr) },
  SETXATTR: { handle: unlessNone(xattrs.setxattr), changes: true, nameAt: 16 },
  REMOVEXATTR: { handle: unlessNone(xattrs.removexattr), changes: true, nameAt: 0 },
  IOCTL: { handle: ioctl },

  // Locks are not negotiated: the kernel keeps them itself, as for a local file system.
  GETLK: { handle: notServed },
  SETLK: { handle: notServed },
  SETLKW: { handle: notServed },
  // Only virtiofs is asked (fs/fuse/inode.c:fuse_sync_fs); syncfs(2) ends in the kernel.
  SYNCFS: { handle: notServed },
  BMAP: { handle: notServed },
  POLL: { handle: notServed },
  SETUPMAPPING: { handle: notServed },
  REMOVEMAPPING: { handle: notServed },

  // INIT is answered by the handshake, INTERRUPT by the dispatcher; a second INIT is the kernel's mistake.
  INIT: { handle: notServed },
  INTERRUPT: { handle: nothingToDo, replies: false },
  NOTIFY_REPLY: { handle: nothingToDo, replies: false },
  DESTROY: { handle: nothingToDo },
};

function buildTable(): (Row | undefined)[] {
  const table = new Array<Row | undefined>(OPCODE_LIMIT).fill(undefined);
  for (const [name, opcode] of Object.entries(Opcode)) {
    table[opcode] = { ...SERVED, name, ...rows[name as keyof typeof Opcode] };
  }
  return table;
}

const TABLE = buildTable();
const UNKNOWN: Row = { ...SERVED, name: 'UNKNOWN', handle: notServed };

/** The row of an opcode; what is newer than this table is answered with ENOSYS. */
export function rowOf(opcode: number): Row {
  return TABLE[opcode] ?? UNKNOWN;
}
