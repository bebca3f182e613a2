/**
 * Ends pseudo-links (`HardLinkTable.flushesAtEnd`; as auplink(8) does): the copy of a lower file with several
 * links gets a real link in the upper for each lower name that still shows, and then its entry goes. The
 * upper alone says afterwards what is one file.
 *
 * Killed at any moment of it, the tree shows the same: a name shows the copy by its link or, through the
 * entry, as before.
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

/** The wish of somebody outside: the walk holds up all others, so that not everybody may ask. */
export function flushPseudoLinksFor(union: Union, caller: Caller): void {
  if (caller.uid !== 0 && caller.uid !== process.geteuid?.()) throw fsError(Errno.EPERM, 'flush pseudo-links');
  flushPseudoLinks(union);
}

/** When the mount is gone. What cannot be settled is found again by the next mount. */
export function flushPseudoLinksAtEnd(union: Union): void {
  // There is no kernel left to tell of anything.
  union.kernel.channel = null;
  try {
    flushPseudoLinks(union);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    union.log(`hard links could not all be made real in the upper: ${error.message}`);
  }
}

/** Throws the first failure, when all that can be done has been; what has failed keeps its entry. */
function flushPseudoLinks(union: Union): void {
  const { links } = union.identity;
  if (links === null || !links.flushesAtEnd) return;
  const walk = new Walk(union, links.copied());
  walk.run();
  for (const group of walk.complete()) walk.noting(() => retire(union, links, group));
  if (walk.failure !== null) throw walk.failure;
}

/** Finds the lower names of groups in the merged tree, and makes them real. */
class Walk {
  failure: FsError | null = null;
  private readonly groups: Map<number, LinkGroup>;
  /** Groups that may have more lower names than have been found. */
  private readonly open: Set<LinkGroup>;
  /** Groups with names that could not be made real. */
  private readonly failed = new Set<LinkGroup>();
  /** A directory could not be read: names may have been missed. */
  private unread = false;
  /**
   * Where we are, from the root down, and what is still to be looked at there. A tree can be deeper than our
   * stack.
   */
  private readonly path: { readonly dir: DirectoryNode; readonly entries: ListedEntry[] }[] = [];

  constructor(
    private readonly union: Union,
    groups: readonly LinkGroup[],
  ) {
    this.groups = new Map(groups.map((group) => [group.ino, group]));
    this.open = new Set(groups.filter((group) => !isComplete(group)));
  }

  /** Groups whose names are all real ones. */
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
      else this.settleName(dir, entry);
    }
  }

  /** Runs one step; returns false if it failed. */
  noting(step: () => void): boolean {
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
    // Held while we are in it: it would be freed with the last of its children.
    dir.nlookup++;
    const entries: ListedEntry[] = [];
    this.path.push({ dir, entries });
    // Collected first: making a name real changes the listing.
    const read = this.noting(() =>
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
    const found = this.noting(() => {
      const child = lookupNode(this.union, dir, name, stat);
      if (child?.kind === 'directory') this.enter(child);
      else if (child !== null) this.union.nodes.release(child);
    });
    if (!found) this.unread = true;
  }

  private settleName(dir: DirectoryNode, { name, ino, home }: ListedEntry): void {
    const group = this.groups.get(ino);
    if (group === undefined || home.layer.isUpper) return;
    const settled = this.noting(() => {
      const node = lookupNode(this.union, dir, name, stat);
      if (node === null) return;
      // Not so: an entry older than the layer, where another object has the number now.
      const isName = node.kind === 'file' && node.group === group;
      if (isName && !hasUpperName(this.union, node, dir, name)) linkInUpper(this.union, group, dir, name);
      this.union.nodes.release(node);
    });
    if (!settled) this.failed.add(group);
    if (!settled || isComplete(group)) this.open.delete(group);
  }
}

/** Whether no lower name can show any more. */
function isComplete(group: LinkGroup): boolean {
  return group.exact && group.lowerNames === 0;
}

function retire(union: Union, links: HardLinkTable, group: LinkGroup): void {
  if (group.entry === null) return;
  if (!statAt(union.fds.get(links.directory), group.entry, stat)) throw fsError(Errno.ESTALE, 'flush pseudo-links');
  // Of an earlier mount, its lower file not met in this one, and the last link: perhaps other layers are
  // mounted now.
  if (stat.nlink === 1 && group.lowerLinks === null) return;
  const node = union.nodes.linkedFile(group.ino);
  if (node?.group !== group) {
    links.dissolve(group, null);
    return;
  }
  links.dissolve(group, node);
  union.nodes.identify(node, union.identity.numbers.own(stat.devMajor, stat.devMinor, stat.ino));
  union.kernel.channel?.invalidateAttributes(node.id);
  // Without a known name it is reached by the fd that it has been left with, until one is looked up.
  if (node.parent === null || node.parent.upper === null) return;
  node.placeAt(node.parent.upper, node.name);
}
