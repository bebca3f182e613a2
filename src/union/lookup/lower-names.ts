/** Names that the lower layers have below the upper. */
import type { EntryName } from '../../core/brand.js';
import { FileStat } from '../../core/file-stat.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { nameInLayer } from './name-in-layer.js';

const scratch = new FileStat();

/** Whether a lower layer would show `name` in `dir` if the upper did not hide it. */
export function lowerHas(union: Union, dir: DirectoryNode, name: EntryName): boolean {
  return lowerLinks(union, dir, name) > 0;
}

/** The link count of the lower object that `name` in `dir` would show without the upper; 0: there is none. */
export function lowerLinks(union: Union, dir: DirectoryNode, name: EntryName): number {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, scratch, home === lowest);
    if (presence !== 'absent') return presence === 'present' ? Math.max(1, scratch.nlink) : 0;
  }
  return 0;
}
