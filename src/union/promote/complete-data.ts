import { DataCompletion } from '../../copyup/data-completion.js';
import { O_RDWR } from '../../core/flags.js';
import { Parked } from '../../fuse/operations.js';
import { truncate } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import type { FileNode } from '../nodes/node.js';
import { repoint } from '../objects/open-file.js';
import { openForReading, openReal, truncateReal } from '../objects/real-object.js';
import { LARGE } from '../state/copy-jobs.js';
import type { Union } from '../state/union.js';

/**
 * Brings the data of an upper metacopy. As for {@link copyUp}, but all of it or nothing: a file that is both
 * cut and without its data would be neither what it was nor what it is to be, should we be killed. Then the
 * file gets its `length`.
 */
export function completeData(union: Union, node: FileNode, length: number): number {
  const upper = union.writable();
  const sourceFd = openForReading(union, node);
  let fd = -1;
  try {
    fd = openReal(union, node, O_RDWR);
  } catch (error) {
    close(sourceFd);
    throw error;
  }
  const completion = new DataCompletion(sourceFd, fd, upper.copyUp);
  if (completion.needsData && completion.length >= LARGE && length > 0) {
    const complete = (): void => {
      const copied = completed(union, node, completion, () => completion.seal(true));
      if (copied >= 0) close(copied);
    };
    throw new Parked(union.jobs.start(node, completion, upper.copyUp.sync, complete));
  }
  // Nothing can bring back what a second truncation, after one that had failed, would find gone: there is but
  // one.
  if (length === 0 && completion.length >= LARGE) {
    return completed(union, node, completion, () => completion.sealEmpty());
  }
  const whole = completed(union, node, completion, () => {
    completion.fill();
    return completion.seal(false);
  });
  return length === Number.POSITIVE_INFINITY ? whole : resized(union, node, whole, length);
}

/** Should the size not change, the file is whole all the same. */
function resized(union: Union, node: FileNode, fd: number, length: number): number {
  try {
    if (fd >= 0) truncate(fd, length);
    else truncateReal(union, node, length);
    return fd;
  } catch (error) {
    if (fd >= 0) close(fd);
    throw error;
  }
}

/** The node is a whole file when `seal` has returned. */
function completed(union: Union, node: FileNode, completion: DataCompletion, seal: () => number): number {
  let fd = -1;
  try {
    fd = seal();
  } catch (error) {
    completion.abandon();
    throw error;
  }
  node.data = null;
  union.channel?.invalidateAttributes(node.id);
  return repoint(node, fd);
}
