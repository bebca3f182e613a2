/** Which names of a layer are one object. */
import type { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_PATH } from '../../core/flags.js';
import { linkAt } from '../../sys/files/inode-ops.js';
import { close, openBeneath } from '../../sys/files/open.js';
import { identityOf } from '../identity.js';

/** Remembers the objects with several names that have been copied, until the last of their names has come. */
export class HardLinks {
  private readonly copies = new Map<string, { readonly path: string; namesLeft: number }>();

  /** @param root fd of the layer that is being written */
  constructor(private readonly root: number) {}

  /** The object has been copied to `path` (from the root). */
  remember(stat: FileStat, path: string): void {
    if (stat.nlink > 1) this.copies.set(identityOf(stat), { path, namesLeft: stat.nlink - 1 });
  }

  /** Links `name` in `dirfd` to the object's copy. False: there is none yet. */
  link(stat: FileStat, dirfd: number, name: string): boolean {
    if (stat.nlink < 2) return false;
    const identity = identityOf(stat);
    const copy = this.copies.get(identity);
    if (copy === undefined) return false;
    const slash = copy.path.lastIndexOf('/');
    const parent = openBeneath(this.root, slash < 0 ? '' : copy.path.slice(0, slash), O_PATH | O_DIRECTORY);
    try {
      linkAt(parent, copy.path.slice(slash + 1), dirfd, name);
    } finally {
      close(parent);
    }
    copy.namesLeft--;
    if (copy.namesLeft === 0) this.copies.delete(identity);
    return true;
  }
}
