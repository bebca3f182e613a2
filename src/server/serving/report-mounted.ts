import type { Operations } from '../../fuse/operations.js';
import { mountedId } from '../../sys/locks/mount-mark.js';
import { mountedOn } from '../../sys/mountinfo.js';

/**
 * Passes the id of the mount to the union, which marks its work directory with it: other mounts find out by
 * the mark whether this one still exists. Does nothing if the mount table does not show the mount, because
 * the caller has made it in another mount namespace.
 */
export function reportMounted(mountpoint: string, operations: Pick<Operations, 'mounted'>): void {
  const device = mountedOn(mountpoint)?.device;
  const id = device === undefined ? null : mountedId(device);
  if (id !== null) operations.mounted(id);
}
