import type { NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { DT_DIR, DT_REG, direntType } from '../../core/file-mode.js';
import { O_NONBLOCK, O_RDONLY } from '../../core/flags.js';
import {
  getInodeFlags,
  getFsxattr as readFsxattr,
  setInodeFlags,
  setFsxattr as writeFsxattr,
} from '../../sys/ioctl.js';
import { close } from '../../sys/open.js';
import type { UnionNode } from '../node.js';
import { ensureWhole } from '../promote.js';
import { copyUpDirectory } from '../promote-directory.js';
import { heldFd, openReal, opensItself, statReal } from '../real-object.js';
import type { Union } from '../union.js';

export function getFlags(union: Union, nodeid: NodeId): number {
  return withFd(union, union.nodes.get(nodeid), getInodeFlags);
}

export function setFlags(union: Union, nodeid: NodeId, flags: number): void {
  change(union, nodeid, (fd) => setInodeFlags(fd, flags));
}

export function getFsxattr(union: Union, nodeid: NodeId): Buffer {
  return withFd(union, union.nodes.get(nodeid), readFsxattr);
}

export function setFsxattr(union: Union, nodeid: NodeId, fsxattr: Buffer): void {
  change(union, nodeid, (fd) => writeFsxattr(fd, fsxattr));
}

function change(union: Union, nodeid: NodeId, apply: (fd: number) => void): void {
  const node = union.nodes.get(nodeid);
  if (node.kind === 'directory') copyUpDirectory(union, node);
  // With its data: what is append-only then could not be given it later.
  else ensureWhole(union, node);
  withFd(union, node, apply);
  // Immutable and append-only show in statx's attributes, which the kernel may have cached.
  union.channel?.invalidateAttributes(nodeid);
}

/** Files and directories have such flags; opening anything else could block or have effects. */
function withFd<T>(union: Union, node: UnionNode, body: (fd: number) => T): T {
  if (node.kind === 'file' && opensItself(node)) return body(heldFd(node));
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
