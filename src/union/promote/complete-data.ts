/** Copies the data of an upper metacopy up. */
import { DataCompletion } from '../../copyup/data-completion.js';
import { O_RDWR } from '../../core/flags.js';
import { Parked } from '../../fuse/operations.js';
import { truncate } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import type { FileNode } from '../nodes/node.js';
import { repoint } from '../objects/open-node.js';
import { openForReading, openReal, truncateReal } from '../objects/real-object.js';
import { LARGE } from '../state/copy-jobs.js';
import type { Union } from '../state/union.js';
import { parkForSync } from './park-for-sync.js';

/**
 * Completes an upper metacopy: it gets all of its data, and then the size `length`. It never gets only a part
 * of the data: if the server were killed then, the file would be cut and still a metacopy, and so have
 * neither its old content nor the new one.
 * @returns an fd of the file, as `copyUp` does
 */
export function completeData(union: Union, node: FileNode, length: number): number {
  const completion = openCompletion(union, node);
  const complete = (): void => {
    const fd = sealWith(union, node, completion, () => completion.seal(true));
    if (fd >= 0) close(fd);
  };
  if (completion.needsData && completion.length >= LARGE && length > 0) {
    throw new Parked(union.jobs.start(node, completion, union.stack.writable().copyUp.sync, complete));
  }
  // The data of a large file is not copied only to be discarded. The file is truncated here, and only once:
  // if a later truncation failed, nothing could restore the data that this one has discarded.
  if (length === 0 && completion.length >= LARGE) {
    return sealWith(union, node, completion, () => completion.sealEmpty());
  }
  fill(completion);
  if (length === Number.POSITIVE_INFINITY) parkForSync(union, node, completion, complete);
  const fd = sealWith(union, node, completion, () => completion.seal(false));
  return length === Number.POSITIVE_INFINITY ? fd : resize(union, node, fd, length);
}

function fill(completion: DataCompletion): void {
  try {
    completion.fill();
  } catch (error) {
    completion.abandon();
    throw error;
  }
}

function openCompletion(union: Union, node: FileNode): DataCompletion {
  const sourceFd = openForReading(union, node);
  let fd = -1;
  try {
    fd = openReal(union, node, O_RDWR);
  } catch (error) {
    close(sourceFd);
    throw error;
  }
  return new DataCompletion(sourceFd, fd, union.stack.writable().copyUp);
}

/**
 * Sets the size of the whole file; `fd` is -1 if its open file has taken it. If this fails, the file is
 * whole.
 */
function resize(union: Union, node: FileNode, fd: number, length: number): number {
  try {
    if (fd >= 0) truncate(fd, length);
    else truncateReal(union, node, length);
    return fd;
  } catch (error) {
    if (fd >= 0) close(fd);
    throw error;
  }
}

/**
 * Runs `seal`, which makes the metacopy a whole file, and updates the node. Returns the fd as `copyUp` does.
 */
function sealWith(union: Union, node: FileNode, completion: DataCompletion, seal: () => number): number {
  let fd = -1;
  try {
    fd = seal();
  } catch (error) {
    completion.abandon();
    throw error;
  }
  node.data = null;
  union.kernel.channel?.invalidateAttributes(node.id);
  return repoint(node, fd);
}
