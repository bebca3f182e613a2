import { isErrno } from '../../core/errno.js';
import { mkdirAt } from '../../sys/files/inode-ops.js';
import { openDirectoryAt } from '../../sys/files/open.js';

/** Creates the directory `name` in `parent` if it does not exist. */
export function makeIfMissing(parent: number, name: string, mode: number): void {
  try {
    mkdirAt(parent, name, mode);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/** Opens the directory `name` in `parent`, and creates it with `mode` if it does not exist. */
export function openOrMake(parent: number, name: string, mode: number): number {
  makeIfMissing(parent, name, mode);
  return openDirectoryAt(parent, name);
}
