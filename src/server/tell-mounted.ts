import type { Operations } from '../fuse/operations.js';
import { mountedOn } from './mountinfo.js';

/** Tells the union which device its mount is. One that is not in the mount table, as somebody else has mounted it elsewhere, stays untold. */
export function tellMounted(mountpoint: string, operations: Pick<Operations, 'mounted'>): void {
  const [, minor] = /^0:(\d+)$/.exec(mountedOn(mountpoint)?.device ?? '') ?? [];
  if (minor !== undefined) operations.mounted(Number(minor));
}
