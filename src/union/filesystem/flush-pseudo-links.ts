/**
 * Turns pseudo-links into hard links (`HardLinkTable.flushesAtEnd`), as auplink(8) does. The copy of a lower
 * file with several links gets a hard link in the upper for each lower name that is still visible. Then its
 * entry is removed. Afterwards the hard links in the upper suffice to show which names are one file.
 *
 * If the server is killed at any moment of the flush, the next mount shows the same tree: each name leads to
 * the copy, either by its hard link or through the entry.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError, fsError } from '../../core/errno.js';
import { DT_DIR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import type { Caller } from '../../fuse/operations.js';
import { statAt } from '../../sys/files/stat.js';
import type { HardLinkTable } from '../links/hard-link-table.js';
import { listingOf } from '../lookup/cached-listing.js';
import { lookupNode } from '../lookup/lookup.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { ListedEntry } from '../nodes/listing.js';
import type { DirectoryNode } from '../nodes/node.js';
import { hasUpperName, linkInUpper } from '../promote/upper-names.js';
import type { Union } from '../state/union.js';

const stat = new FileStat();

/**
 * Flushes pseudo-links because a caller asks for it.
 * @throws FsError EPERM if the caller is neither root nor the server's user. All other requests wait during a
 * flush, so other users must not be able to start one
 */
export function flushPseudoLinksFor(union: Union, caller: Caller): void {
  if (caller.uid !== 0 && caller.uid !== process.geteuid?.()) throw fsError(Errno.EPERM, 'flush pseudo-links');
  flushPseudoLinks(union);
}

/** Flushes pseudo-links after the unmount. If a link cannot be made, its entry stays for the next mount. */
export function flushPseudoLinksAtEnd(union: Union): void {
  // The mount does not exist any more, so the kernel accepts no notifications.
  union.kernel.channel = null;
  try {
    flushPseudoLinks(union);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    union.log(`hard links could not all be made real in the upper: ${error.message}`);
  }
}

/**
 * Flushes all groups, also after a failure, and throws the first failure. A group that failed keeps its
 * entry.
 */
function flushPseudoLinks(union: Union): void {
  const { links } = union.identity;
  if (links === null || !links.flushesAtEnd) return;
  const walk = new Walk(union, links.copied());
  walk.run();
  for (const group of walk.complete()) walk.attempt(() => removeEntry(union, links, group));
  if (walk.failure !== null) throw walk.failure;
}

/** Finds the lower names of groups in the merged tree, and makes a hard link in the upper for each. */
class Walk {
  failure: FsError | null = null;
  private readonly groups: Map<number, LinkGroup>;
  /** Groups that can have lower names that the walk has not found yet. */
  private readonly open: Set<LinkGroup>;
  /** Groups with names whose hard link could not be made. */
  private readonly failed = new Set<LinkGroup>();
  /** A directory could not be read, so names can have been missed. */
  private unread = false;
  /**
   * The directories from the root to the current one, with the entries that are left in each. Not a
   * recursion, because a tree can be deeper than the stack of this thread.
   */
  private readonly path: { readonly dir: DirectoryNode; readonly entries: ListedEntry[] }[] = [];

  constructor(
    private readonly union: Union,
    groups: readonly LinkGroup[],
  ) {
    this.groups = new Map(groups.map((group) => [group.ino, group]));
    this.open = new Set(groups.filter((group) => !isComplete(group)));
  }

  /** Groups whose names all have their hard link. */
  complete(): LinkGroup[] {
    return [...this.groups.values()].filter((group) => !this.failed.has(group) && (!this.unread || isComplete(group)));
  }

  run(): void {
    if (this.open.size > 0) this.enter(this.union.root);
    for (let here = this.path.at(-1); here !== undefined; here = this.path.at(-1)) {
      const { dir, entries } = here;
      const entry = this.open.size > 0 ? entries.pop() : undefined;
      if (entry === undefined) this.leave();
      else if (entry.type === DT_DIR) this.enterChild(dir, entry.name);
      else this.linkName(dir, entry);
    }
  }

  /** Runs one step, and records the first failure. Returns false if the step failed. */
  attempt(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      this.failure ??= error;
      return false;
    }
  }

  private enter(dir: DirectoryNode): void {
    // Counts as a lookup, so that the node is not freed together with the last of its children.
    dir.nlookup++;
    const entries: ListedEntry[] = [];
    this.path.push({ dir, entries });
    // The entries are collected before the first link is made, because a new hard link changes the listing.
    const read = this.attempt(() =>
      listingOf(this.union, dir, true).after(0, (entry) => {
        if (entry.type === DT_DIR || this.groups.has(entry.ino)) entries.push(entry);
        return true;
      }),
    );
    if (!read) this.unread = true;
  }

  private leave(): void {
    const left = this.path.pop();
    if (left !== undefined) this.union.nodes.forget(left.dir.id, 1);
  }

  private enterChild(dir: DirectoryNode, name: EntryName): void {
    const found = this.attempt(() => {
      const child = lookupNode(this.union, dir, name, stat);
      if (child?.kind === 'directory') this.enter(child);
      else if (child !== null) this.union.nodes.release(child);
    });
    if (!found) this.unread = true;
  }

  private linkName(dir: DirectoryNode, { name, ino, home }: ListedEntry): void {
    const group = this.groups.get(ino);
    if (group === undefined || home.layer.isUpper) return;
    const isLinked = this.attempt(() => {
      const node = lookupNode(this.union, dir, name, stat);
      if (node === null) return;
      // False if the layer was changed after the group's entry was made: another object can have the group's
      // number now.
      const isName = node.kind === 'file' && node.group === group;
      if (isName && !hasUpperName(this.union.fds, node, dir, name)) linkInUpper(this.union, group, dir, name);
      this.union.nodes.release(node);
    });
    if (!isLinked) this.failed.add(group);
    if (!isLinked || isComplete(group)) this.open.delete(group);
  }
}

/** Whether no lower name of the group can be visible any more. */
function isComplete(group: LinkGroup): boolean {
  return group.isHiddenCountExact && group.visibleLowerNames === 0;
}

/** Removes a group's entry, and places its node at one of its names. */
function removeEntry(union: Union, links: HardLinkTable, group: LinkGroup): void {
  if (group.entry === null) return;
  if (!statAt(union.fds.get(links.directory), group.entry, stat)) throw fsError(Errno.ESTALE, 'flush pseudo-links');
  // The entry is of an earlier mount and is the copy's last link, and this mount has not found the lower
  // file. Perhaps other layers are mounted now, so the entry stays: it is the only way to the data.
  if (stat.nlink === 1 && group.lowerLinks === null) return;
  const node = union.nodes.linkedFile(group.ino);
  if (node?.group !== group) {
    links.dissolve(group, null);
    return;
  }
  links.dissolve(group, node);
  union.nodes.identify(node, union.identity.numbers.own(stat.devMajor, stat.devMinor, stat.ino));
  union.kernel.channel?.invalidateAttributes(node.id);
  // A node without a known name keeps its fd until a lookup gives it a name.
  if (node.parent === null || node.parent.upper === null) return;
  node.placeAt(node.parent.upper, node.name);
}
