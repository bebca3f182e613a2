import type { EntryName } from '../../core/brand.js';
import type { DirectoryNode } from './node.js';

/** One name of one directory of the merged tree. */
export interface Location {
  readonly dir: DirectoryNode;
  readonly name: EntryName;
}
