/**
 * Lower files with several links that stay one file when they are copied up (aufs: pseudo-links).
 *
 * The copy has an entry in a directory of the upper (`LinkEntries`), and its node is reached through that entry, whatever
 * becomes of its names. A lower name of the file that the upper does not hide leads to the same node: it is recognised
 * by the inode number shown, and, because numbers are given out again, by its origin (`origins.ts`).
 */
import type { EntryName } from '../core/brand.js';
import { displayName } from '../core/entry-name.js';
import { isErrno } from '../core/errno.js';
import { isDirectory, S_IFMT } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { O_PATH } from '../core/flags.js';
import { unlinkAt } from '../sys/inode-ops.js';
import { openAt } from '../sys/open.js';
import { readDirectory } from '../sys/read-directory.js';
import { statAt } from '../sys/stat.js';
import { findXattr, removeXattr, setXattr } from '../sys/xattr.js';
import type { LinkEntries } from '../whiteout/dialect.js';
import type { DirectoryFds } from './directory-fds.js';
import type { InodeNumbers } from './inode-numbers.js';
import { type Layer, RealDirectory } from './layer.js';
import { LinkGroup } from './link-group.js';
import type { FileNode } from './node.js';
import { Origins } from './origins.js';

const scratch = new FileStat();

export class Plinks {
  /** Copied-up groups and those with hidden names, by the inode number shown. */
  private readonly groups = new Map<number, LinkGroup>();

  private constructor(
    /** Where the entries are. */
    readonly directory: RealDirectory,
    private readonly entries: LinkEntries,
    private readonly fds: DirectoryFds,
    private readonly numbers: InodeNumbers,
    private readonly origins: Origins,
  ) {}

  /**
   * Reads back the entries that a killed server has left.
   * @param lowers the layers whose files can have copies here
   */
  static open(
    layer: Layer,
    lowers: readonly Layer[],
    entries: LinkEntries,
    fds: DirectoryFds,
    numbers: InodeNumbers,
    log: (line: string) => void,
  ): Plinks {
    const directory = new RealDirectory(layer, layer.root, entries.directory);
    const plinks = new Plinks(directory, entries, fds, numbers, new Origins(lowers));
    plinks.readBack(log);
    return plinks;
  }

  /**
   * An entry counts if it is a link to the inode that it names, and says which file of these lower layers it is of.
   * What does not (an upper that was copied, other layers, an entry of aufs itself) is left alone: it can be the only
   * name of somebody's data, and shows nowhere.
   */
  private readBack(log: (line: string) => void): void {
    let ignored = 0;
    const dirfd = this.fds.get(this.directory);
    const found: EntryName[] = [];
    readDirectory(dirfd, (name) => found.push(name));
    for (const name of found) {
      const link = this.entries.parse(name);
      const origin = findXattr(dirfd, name, this.entries.originXattr)?.toString('latin1') ?? '';
      const shown = this.origins.shownNumber(origin, this.numbers);
      const isLink = statAt(dirfd, name, scratch) && scratch.ino === link?.own && !isDirectory(scratch.mode);
      if (link === null || shown === null || !isLink || this.groups.has(shown)) {
        ignored++;
        continue;
      }
      const group = new LinkGroup(shown, scratch.mode & S_IFMT, origin, null);
      group.entry = name;
      group.own = link.own;
      // Each name of the copy most likely hides the lower name at which it was copied up.
      group.hidden = scratch.nlink - 1;
      group.exact = false;
      this.groups.set(group.ino, group);
      this.numbers.keep(scratch, group.ino);
    }
    if (ignored > 0) {
      log(
        `${displayName(this.directory.name)} of ${displayName(this.directory.layer.path)}: ${ignored} pseudo-links are not of these layers and are left as they are`,
      );
    }
  }

  /**
   * The group of a lower file with several links that has the real stat `stat` and shows the number `ino`; of another
   * number where the number has become that of another file, which has a copy.
   */
  ofLower(ino: number, stat: FileStat): LinkGroup {
    const group = this.groups.get(ino);
    const type = stat.mode & S_IFMT;
    const origin = this.origins.of(stat);
    if (group === undefined) return new LinkGroup(ino, type, origin, stat.nlink);
    if (group.origin !== origin) {
      const own = this.numbers.part(stat.devMajor, stat.devMinor, stat.ino);
      return new LinkGroup(own, type, origin, stat.nlink);
    }
    group.lowerLinks ??= stat.nlink;
    return group;
  }

  /** The group whose copy an upper file is. @param own its own inode number */
  ofCopy(ino: number, own: number): LinkGroup | null {
    const group = this.groups.get(ino);
    return group !== undefined && group.entry !== null && group.own === own ? group : null;
  }

  /** The groups that have a copy. */
  copied(): LinkGroup[] {
    return [...this.groups.values()].filter(({ entry }) => entry !== null);
  }

  /** One more lower name of the file is hidden by the upper. */
  hide(group: LinkGroup): void {
    group.hidden++;
    this.groups.set(group.ino, group);
  }

  /**
   * Makes the entry of a finished copy, which has no name in the upper yet. From here on the lower names show the copy.
   * @param copy real stat of the copy
   * @param link makes the link
   */
  enter(group: LinkGroup, copy: FileStat, link: (dirfd: number, name: EntryName) => void): void {
    const dirfd = this.fds.get(this.directory);
    const name = this.entries.entryName({ shown: group.ino, own: copy.ino });
    try {
      link(dirfd, name);
    } catch (error) {
      // It names an inode that is new: a leftover that leads somewhere else.
      if (!isErrno(error, 'EEXIST')) throw error;
      unlinkAt(dirfd, name);
      link(dirfd, name);
    }
    this.setOrigin(dirfd, name, group.origin);
    group.entry = name;
    group.own = copy.ino;
    this.groups.set(group.ino, group);
  }

  private setOrigin(dirfd: number, name: EntryName, origin: string): void {
    try {
      setXattr(dirfd, name, this.entries.originXattr, Buffer.from(origin, 'latin1'));
    } catch (error) {
      // A file system without such xattrs, or (in a user namespace) an object that can have none: after a kill the
      // entry is not read back.
      if (isErrno(error, 'EOPNOTSUPP', 'EPERM')) return;
      unlinkAt(dirfd, name);
      throw error;
    }
  }

  private removeOrigin(dirfd: number, name: EntryName): void {
    try {
      removeXattr(dirfd, name, this.entries.originXattr);
    } catch (error) {
      // See setOrigin.
      if (!isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'EPERM')) throw error;
    }
  }

  /** Takes back {@link enter}: the copy has not got its name. */
  withdraw(group: LinkGroup): void {
    if (group.entry !== null) unlinkAt(this.fds.get(this.directory), group.entry);
    group.entry = null;
    group.own = 0;
  }

  /**
   * Ends a group whose copy has all its names in the upper, or none at all: the entry goes.
   * @param node the living node, which goes on without; an fd leads to it where anybody may still ask for it
   */
  dissolve(group: LinkGroup, node: FileNode | null): void {
    const { entry } = group;
    this.groups.delete(group.ino);
    if (entry === null) return;
    const dirfd = this.fds.get(this.directory);
    if (node !== null) {
      if (node.nlookup > 0 && node.open === null) node.pin = openAt(dirfd, entry, O_PATH);
      node.home = null;
      node.group = null;
    }
    group.entry = null;
    if (!statAt(dirfd, entry, scratch)) return;
    if (scratch.nlink > 1) this.removeOrigin(dirfd, entry);
    unlinkAt(dirfd, entry);
    if (scratch.nlink === 1) this.numbers.release(scratch.devMajor, scratch.devMinor, scratch.ino);
  }
}
