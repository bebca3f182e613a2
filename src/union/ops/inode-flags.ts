import type { NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { DT_DIR, DT_REG, direntType } from '../../core/file-mode.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, O_NONBLOCK, O_RDONLY } from '../../core/flags.js';
import { close } from '../../sys/files/open.js';
import {
  getInodeFlags,
  getFsxattr as readFsxattr,
  setInodeFlags,
  setFsxattr as writeFsxattr,
} from '../../sys/ioctl.js';
import type { UnionNode } from '../nodes/node.js';
import { protectionOf } from '../objects/protection.js';
import { hasRealObjectOpen, heldFd, openReal, refOf, statReal } from '../objects/real-object.js';
import { ensureUpper } from '../promote/promote.js';
import { copyUpDirectory } from '../promote/promote-directory.js';
import type { Union } from '../state/union.js';

const PROTECTION = FS_IMMUTABLE_FL | FS_APPEND_FL;
/** The same flags in `struct fsxattr` (linux/fs.h). */
const FS_XFLAG_IMMUTABLE = 0x8;
const FS_XFLAG_APPEND = 0x10;

/** The inode flags of an object, for lsattr(1) (FS_IOC_GETFLAGS). */
export function getFlags(union: Union, nodeid: NodeId): number {
  const node = union.nodes.get(nodeid);
  return withRealFd(union, node, getInodeFlags) | protectionOf(union, node);
}

/** Sets the inode flags of an object, for chattr(1) (FS_IOC_SETFLAGS). */
export function setFlags(union: Union, nodeid: NodeId, flags: number): void {
  change(union, nodeid, flags, (fd, real) => setInodeFlags(fd, real));
}

/** The extended inode flags as a `struct fsxattr` (FS_IOC_FSGETXATTR). */
export function getFsxattr(union: Union, nodeid: NodeId): Buffer {
  const node = union.nodes.get(nodeid);
  const fsxattr = withRealFd(union, node, readFsxattr);
  fsxattr.writeUInt32LE((fsxattr.readUInt32LE(0) | asExtended(protectionOf(union, node))) >>> 0, 0);
  return fsxattr;
}

/** Sets the extended inode flags from a `struct fsxattr` (FS_IOC_FSSETXATTR). */
export function setFsxattr(union: Union, nodeid: NodeId, fsxattr: Buffer): void {
  const asked = fsxattr.readUInt32LE(0);
  const immutable = (asked & FS_XFLAG_IMMUTABLE) === 0 ? 0 : FS_IMMUTABLE_FL;
  const appendOnly = (asked & FS_XFLAG_APPEND) === 0 ? 0 : FS_APPEND_FL;
  change(union, nodeid, immutable | appendOnly, (fd, real) => {
    const plain = Buffer.from(fsxattr);
    plain.writeUInt32LE(((asked & ~asExtended(PROTECTION)) | asExtended(real)) >>> 0, 0);
    writeFsxattr(fd, plain);
  });
}

function asExtended(flags: number): number {
  return (
    ((flags & FS_IMMUTABLE_FL) === 0 ? 0 : FS_XFLAG_IMMUTABLE) | ((flags & FS_APPEND_FL) === 0 ? 0 : FS_XFLAG_APPEND)
  );
}

/**
 * Sets the flags of an object. The two protection flags are stored where the dialect keeps them, all others
 * in the inode; an inode that has real protection flags loses them (fs/overlayfs/inode.c:ovl_fileattr_set).
 * @param apply sets the flags of the inode
 */
function change(union: Union, nodeid: NodeId, flags: number, apply: (fd: number, real: number) => void): void {
  const node = union.nodes.get(nodeid);
  if (node.kind === 'directory') copyUpDirectory(union, node);
  else ensureUpper(union, node);
  const { protections } = union.stack.dialect;
  // Not known until it is read again, if a step below fails.
  node.protection = null;
  if (protections === null) withRealFd(union, node, (fd) => apply(fd, flags));
  else {
    const { dirfd, name } = refOf(union.fds, node);
    protections.write(dirfd, name, flags & PROTECTION);
    withRealFd(union, node, (real) => apply(real, flags & ~PROTECTION));
    node.protection = flags & PROTECTION;
  }
  // statx(2) reports both flags in its attributes, which the kernel may have cached.
  union.kernel.channel?.invalidateAttributes(nodeid);
}

/**
 * Runs `body` with an fd of the real object. Only regular files and directories have inode flags; opening
 * another object could block or have effects.
 */
function withRealFd<T>(union: Union, node: UnionNode, body: (fd: number) => T): T {
  if (node.kind === 'file' && hasRealObjectOpen(node)) return body(heldFd(node));
  const { attr } = union.answer;
  statReal(union, node, attr);
  const type = direntType(attr.mode);
  if (type !== DT_REG && type !== DT_DIR) throw fsError(Errno.ENOTTY, 'ioctl');
  const fd = openReal(union, node, O_RDONLY | O_NONBLOCK);
  try {
    return body(fd);
  } finally {
    close(fd);
  }
}
