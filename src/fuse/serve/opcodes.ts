/**
 * One row for each request of the kernel: its name, its handler, whether the server replies. The dispatcher
 * and the trace read this table.
 */
import { Errno } from '../../core/errno.js';
import * as attributes from '../handlers/attributes.js';
import * as directories from '../handlers/directories.js';
import type { Exchange, Handler } from '../handlers/exchange.js';
import * as files from '../handlers/files.js';
import { ioctl } from '../handlers/ioctl.js';
import * as names from '../handlers/names.js';
import * as syncs from '../handlers/syncs.js';
import * as xattrs from '../handlers/xattrs.js';
import { OPCODE_LIMIT, Opcode } from '../wire/abi.js';
import {
  CreateIn,
  GetxattrIn,
  LinkIn,
  MkdirIn,
  MknodIn,
  Rename2In,
  RenameIn,
  SetxattrIn,
} from '../wire/request-structs.js';
import type { Offset } from '../wire/struct.js';

export interface Row {
  readonly name: string;
  readonly handle: Handler;
  /** False: the kernel expects no reply and accepts none. */
  readonly replies: boolean;
  /**
   * True: the request changes the tree. On a read-only mount it fails with EROFS, even if the kernel should
   * not have sent it.
   */
  readonly changes: boolean;
  /** The member of the body that is the nodeid of a second object that the request changes; null: none. */
  readonly otherNode: Offset<'u64'> | null;
  /** The offset in the body of the name that the trace shows; null: no name. */
  readonly nameAt: number | null;
  /**
   * The lookup counts and the opens that a successful reply gives the kernel. If the kernel does not
   * accept the reply, `undelivered.ts` takes them back.
   */
  readonly grants: 'nothing' | 'entry' | 'open' | 'entry+open' | 'entries';
}

const SERVED: Omit<Row, 'name' | 'handle'> = {
  replies: true,
  changes: false,
  otherNode: null,
  nameAt: null,
  grants: 'nothing',
};

/** The kernel works without the request. It sends most of these only once. */
const notServed: Handler = () => Errno.ENOSYS;
const nothingToDo: Handler = () => 0;

/** On a mount with a volatile upper, the kernel sends no fsync after the first one. */
function unlessVolatile(handle: Handler): Handler {
  return (exchange: Exchange) => (exchange.operations.noSync ? Errno.ENOSYS : handle(exchange));
}

/** On a mount without extended attributes, the kernel sends no such request after the first one. */
function unlessWithoutXattrs(handle: Handler): Handler {
  return (exchange: Exchange) => (exchange.operations.xattrs === 'none' ? Errno.ENOSYS : handle(exchange));
}

const rows: { readonly [name in keyof typeof Opcode]: Partial<Row> & Pick<Row, 'handle'> } = {
  LOOKUP: { handle: names.lookup, nameAt: 0, grants: 'entry' },
  FORGET: { handle: names.forget, replies: false },
  BATCH_FORGET: { handle: names.batchForget, replies: false },
  MKNOD: { handle: names.mknod, changes: true, nameAt: MknodIn.sizeof, grants: 'entry' },
  MKDIR: { handle: names.mkdir, changes: true, nameAt: MkdirIn.sizeof, grants: 'entry' },
  SYMLINK: { handle: names.symlink, changes: true, nameAt: 0, grants: 'entry' },
  LINK: { handle: names.link, changes: true, otherNode: LinkIn.oldnodeid, nameAt: LinkIn.sizeof, grants: 'entry' },
  UNLINK: { handle: names.unlink, changes: true, nameAt: 0 },
  RMDIR: { handle: names.rmdir, changes: true, nameAt: 0 },
  RENAME: { handle: names.rename, changes: true, otherNode: RenameIn.newdir, nameAt: RenameIn.sizeof },
  RENAME2: { handle: names.rename2, changes: true, otherNode: Rename2In.newdir, nameAt: Rename2In.sizeof },

  GETATTR: { handle: attributes.getattr },
  SETATTR: { handle: attributes.setattr, changes: true },
  READLINK: { handle: attributes.readlink },
  STATFS: { handle: attributes.statfs },
  // 7.39; sent when a caller asks statx(2) for the time of birth, which GETATTR does not have.
  STATX: { handle: attributes.statx },
  // The kernel checks permissions itself (default_permissions).
  ACCESS: { handle: notServed },

  OPEN: { handle: files.open, grants: 'open' },
  CREATE: { handle: files.create, changes: true, nameAt: CreateIn.sizeof, grants: 'entry+open' },
  TMPFILE: { handle: files.tmpfile, changes: true, grants: 'entry+open' },
  RELEASE: { handle: files.release },
  READ: { handle: files.read },
  WRITE: { handle: files.write, changes: true },
  FSYNC: { handle: unlessVolatile(syncs.fsync) },
  FALLOCATE: { handle: files.fallocate, changes: true },
  LSEEK: { handle: files.lseek },
  COPY_FILE_RANGE: { handle: files.copyFileRange, changes: true },
  COPY_FILE_RANGE_64: { handle: files.copyFileRange64, changes: true },
  // The server holds back no write that a close could flush.
  FLUSH: { handle: notServed },

  OPENDIR: { handle: directories.opendir },
  RELEASEDIR: { handle: nothingToDo },
  READDIR: { handle: directories.readdir },
  READDIRPLUS: { handle: directories.readdirplus, grants: 'entries' },
  FSYNCDIR: { handle: unlessVolatile(syncs.fsyncdir) },

  GETXATTR: { handle: unlessWithoutXattrs(xattrs.getxattr), nameAt: GetxattrIn.sizeof },
  LISTXATTR: { handle: unlessWithoutXattrs(xattrs.listxattr) },
  SETXATTR: { handle: unlessWithoutXattrs(xattrs.setxattr), changes: true, nameAt: SetxattrIn.sizeof },
  REMOVEXATTR: { handle: unlessWithoutXattrs(xattrs.removexattr), changes: true, nameAt: 0 },
  IOCTL: { handle: ioctl },

  // Locks are not negotiated: the kernel keeps them itself, as for a local file system.
  GETLK: { handle: notServed },
  SETLK: { handle: notServed },
  SETLKW: { handle: notServed },
  // The kernel sends it to virtiofs only (fs/fuse/inode.c:fuse_sync_fs); here syncfs(2) ends in the kernel.
  SYNCFS: { handle: notServed },
  BMAP: { handle: notServed },
  POLL: { handle: notServed },
  SETUPMAPPING: { handle: notServed },
  REMOVEMAPPING: { handle: notServed },

  // The handshake serves the first INIT, and no kernel sends a second one.
  INIT: { handle: notServed },
  // The dispatcher serves it itself.
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

/** The row of an opcode. For an opcode that is newer than this table it replies ENOSYS. */
export function rowOf(opcode: number): Row {
  return TABLE[opcode] ?? UNKNOWN;
}
