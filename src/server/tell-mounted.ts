import type { Operations } from '../fuse/operations.js';
import { mountedId } from '../sys/mount-mark.js';
import { mountedOn } from './mountinfo.js';

/** Tells the union which mount it is. One that is not in the mount table, as somebody else has mounted it elsewhere, stays untold. */
export function tellMounted(mountpoint: string, operations: Pick<Operations, 'mounted'>): void {
  const device = mountedOn(mountpoint)?.device;
  const id = device === undefined ? null : mountedId(device);
  if (id !== null) operations.mounted(id);
}
