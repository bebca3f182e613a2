import type { Filling } from '../../copyup/context.js';
import { Parked } from '../../fuse/operations.js';
import type { FileNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';

/**
 * Throws `Parked` if the transport syncs the data of a copy while it serves other mounts. If this returns,
 * the caller syncs the data itself, or none must be synced.
 * @param filling its data has been copied; owned by the job if this throws `Parked`
 * @param complete finishes the copy-up when the data is on the disk
 */
export function parkForSync(union: Union, node: FileNode, filling: Filling, complete: () => void): void {
  const { channel } = union.kernel;
  if (channel === null || filling.length === 0 || !union.stack.writable().copyUp.sync) return;
  const begin = (fd: number, done: (errno: number) => void): boolean => channel.syncInBackground(fd, done);
  const key = union.jobs.startSync(node, filling, begin, complete);
  if (key !== 0) throw new Parked(key);
}
