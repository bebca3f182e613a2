import type { Operations } from '../../fuse/operations.js';
import { mountedId } from '../../sys/locks/mount-mark.js';
import { mountedOn } from '../../sys/mountinfo.js';

/**
 * Passes the id of its mount to the union. Does nothing if the mount table does not show the mount: the
 * caller may have made it elsewhere.
 */
export function reportMounted(mountpoint: string, operations: Pick<Operations, 'mounted'>): void {
  const device = mountedOn(mountpoint)?.device;
  const id = device === undefined ? null : mountedId(device);
  if (id !== null) operations.mounted(id);
}
