/** The hard links of a layer: which names lead to one object. */
import type { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_PATH } from '../../core/flags.js';
import { linkAt } from '../../sys/files/inode-ops.js';
import { close, openBeneath } from '../../sys/files/open.js';
import { identityOf } from '../object-identity.js';

/** The copied objects that have several names. An object is forgotten after its last name. */
export class HardLinks {
  private readonly copies = new Map<string, { readonly path: string; namesLeft: number }>();

  /** @param root the fd of the new layer's root */
  constructor(private readonly root: number) {}

  /** Records that the object has been copied to `path`, a path from the root. */
  remember(stat: FileStat, path: string): void {
    if (stat.nlink > 1) this.copies.set(identityOf(stat), { path, namesLeft: stat.nlink - 1 });
  }

  /** Makes `name` in `dirfd` a link to the object's copy. False: it has not been copied yet. */
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
