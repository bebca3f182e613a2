/**
 * Set-id bits and file capabilities of a file whose mapped pages are written back. On a plain directory a
 * mapped write leaves them alone. The kernel hands such pages to the server, whose pwrite(2) removes them
 * (fs/inode.c:file_remove_privs): capabilities always, set-id bits if the server lacks CAP_FSETID in the
 * initial user namespace. The kernel then still caches the old mode, because it asks for times alone again.
 */
import { displayName } from '../../core/entry-name.js';
import { FsError } from '../../core/errno.js';
import { hasSetIdBits, S_ISGID, S_ISUID } from '../../core/file-mode.js';
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

/** Whether this server's own writes leave set-id bits alone; null: not asked yet. */
let keepsOwn: boolean | null = null;

const scratch = new FileStat();

/**
 * Runs `write`, which writes to the open file `fd` of `node`, and sets again what it has removed, also if it
 * fails: the kernel removes set-id bits and capabilities before it writes. If they cannot be set again, the
 * result of `write` counts all the same, the log names the file, and the kernel is told that its attributes
 * are out of date.
 */
export function keepingPrivileges(union: Union, node: FileNode, fd: number, write: () => number): number {
  keepsOwn ??= keepsSetIdBits(process.pid);
  const bits = keepsOwn ? 0 : setIdBits(fd);
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

function setIdBits(fd: number): number {
  statFd(fd, scratch);
  return hasSetIdBits(scratch.mode) ? scratch.mode & SET_ID : 0;
}

function setBitsAgain(union: Union, node: FileNode, fd: number, bits: number): void {
  if (setIdBits(fd) === bits) return;
  chmodFd(fd, (scratch.mode & 0o7777) | bits);
  // From a caller outside of the group chmod(2) drops set-gid without an error.
  if (setIdBits(fd) !== bits) lost(union, node, 'not in the group of the file');
}

/**
 * null: the file has none, or one that this server cannot read, and so cannot set again; or its layer keeps
 * it in an xattr that a write leaves alone.
 */
function capabilityOf(union: Union, node: FileNode, fd: number): Buffer | null {
  if (node.lacksCapability || nameOnDisk(union, overridesOf(union, node), CAPABILITY) !== CAPABILITY) return null;
  try {
    const value = getXattr(fd, '', CAPABILITY);
    node.lacksCapability = value === null;
    return value;
  } catch (error) {
    // EOVERFLOW: it belongs to another user namespace. EOPNOTSUPP: no xattrs. Whatever it is, the data must
    // be written.
    if (error instanceof FsError) return null;
    throw error;
  }
}

/**
 * EPERM: the file is another user's. Whatever the errno, the data has been written, or the write's own error
 * counts.
 */
function attempt(union: Union, node: FileNode, restore: () => void): void {
  try {
    restore();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    lost(union, node, error.message);
  }
}

function lost(union: Union, node: FileNode, why: string): void {
  union.log(`${displayName(node.name)}: a mapped write removed set-id bits or capabilities, not set again: ${why}`);
  union.channel?.invalidateAttributes(node.id);
}
