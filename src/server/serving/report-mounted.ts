import type { Operations } from '../../fuse/operations.js';
import { mountedId } from '../../sys/locks/mount-mark.js';

/** Passes the id of the mount, whose file system has the number `device`, to the union. */
export function reportMounted(device: string, operations: Pick<Operations, 'mounted'>): void {
  const id = mountedId(device);
  if (id !== null) operations.mounted(id);
}
