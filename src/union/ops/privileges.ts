/**
 * Keeps set-id bits and file capabilities when the kernel writes the mapped pages of a file back.
 *
 * On a plain directory a mapped write does not change them. Here the kernel sends the pages to the server,
 * and the server's pwrite(2) removes them (fs/inode.c:file_remove_privs): capabilities always, set-id bits if
 * the server lacks CAP_FSETID in the initial user namespace. The kernel still caches the old mode then,
 * because it asks only for the times again.
 */
import { displayName } from '../../core/entry-name.js';
import { FsError } from '../../core/errno.js';
import { S_ISGID, S_ISUID } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { CAPABILITY } from '../../core/xattr-names.js';
import { chmodFd } from '../../sys/files/inode-ops.js';
import { statFd } from '../../sys/files/stat.js';
import { getXattr, setXattr } from '../../sys/files/xattr.js';
import { keepsSetIdBits } from '../../sys/rights/process-credentials.js';
import type { FileNode } from '../nodes/node.js';
import { overridesOf } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { nameOnDisk } from './xattrs.js';

const SET_ID = S_ISUID | S_ISGID;

/** Whether the server's own writes keep set-id bits; null: not known yet. */
let serverKeepsSetId: boolean | null = null;

const scratch = new FileStat();

/**
 * Runs `write`, which writes to the open file `fd` of `node`. Then sets the bits and capabilities again that
 * it has removed, also if it failed: the kernel removes them before it writes. If they cannot be set again,
 * this still returns the result of `write`, logs the name of the file, and invalidates the attributes that
 * the kernel has cached.
 */
export function keepingPrivileges(union: Union, node: FileNode, fd: number, write: () => number): number {
  serverKeepsSetId ??= keepsSetIdBits(process.pid);
  const bits = serverKeepsSetId ? 0 : modeOf(fd) & SET_ID;
  const capability = capabilityOf(union, node, fd);
  if (bits === 0 && capability === null) return write();
  try {
    return write();
  } finally {
    attempt(union, node, () => {
      if (bits !== 0) setBitsAgain(union, node, fd, bits);
    });
    attempt(union, node, () => {
      if (capability !== null) setXattr(fd, '', CAPABILITY, capability);
    });
  }
}

function modeOf(fd: number): number {
  statFd(fd, scratch);
  return scratch.mode;
}

function setBitsAgain(union: Union, node: FileNode, fd: number, bits: number): void {
  const mode = modeOf(fd);
  if ((mode & SET_ID) === bits) return;
  chmodFd(fd, (mode & 0o7777) | bits);
  // If the server is not in the file's group, chmod(2) clears set-gid without an error.
  if ((modeOf(fd) & SET_ID) !== bits) reportLoss(union, node, 'not in the group of the file');
}

/**
 * The file's capability, to be set again after a write. null: the file has none; or the server cannot read
 * it, and so cannot set it again; or the layer keeps it in an xattr that a write does not remove.
 */
function capabilityOf(union: Union, node: FileNode, fd: number): Buffer | null {
  if (node.lacksCapability || nameOnDisk(union.stack, overridesOf(union.stack, node), CAPABILITY) !== CAPABILITY)
    return null;
  try {
    const value = getXattr(fd, '', CAPABILITY);
    node.lacksCapability = value === null;
    return value;
  } catch (error) {
    // EOVERFLOW: the capability belongs to another user namespace. EOPNOTSUPP: the file system has no xattrs.
    // The data must be written in any case, so no errno counts here.
    if (error instanceof FsError) return null;
    throw error;
  }
}

/**
 * Runs `restore`; logs it if that fails, for instance with EPERM for the file of another user. The request
 * does not fail: its result is that of the write.
 */
function attempt(union: Union, node: FileNode, restore: () => void): void {
  try {
    restore();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    reportLoss(union, node, error.message);
  }
}

function reportLoss(union: Union, node: FileNode, why: string): void {
  union.log(`${displayName(node.name)}: a mapped write removed set-id bits or capabilities, not set again: ${why}`);
  union.kernel.channel?.invalidateAttributes(node.id);
}
