import type { Operations } from '../../fuse/operations.js';
import { mountedId } from '../../sys/locks/mount-mark.js';

/**
 * Passes the id of the mount, whose file system has the number `device`, to the union, which marks its work
 * directory with it: other mounts find out by the mark whether this one still exists.
 */
export function reportMounted(device: string, operations: Pick<Operations, 'mounted'>): void {
  const id = mountedId(device);
  if (id !== null) operations.mounted(id);
}
