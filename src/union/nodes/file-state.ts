import type { FileData } from './file-data.js';
import type { LinkGroup } from './link-group.js';
import type { OpenFile } from './open-file.js';

/**
 * State that few of the files known to the kernel have: those that are open, were copied up, have several
 * names or have lost their last one. It is an object of its own, because there can be a million nodes, and
 * each field of a node takes eight bytes.
 */
class RareState {
  open: OpenFile | null = null;
  pinnedFd = -1;
  copyJobKey = 0;
  group: LinkGroup | null = null;
  data: FileData | null = null;
  redirect: string | null = null;
  identity: number | null = null;

  /** Whether all fields have their initial values, so the object is not needed. */
  get isInitial(): boolean {
    const hasNoFds = this.open === null && this.pinnedFd < 0 && this.copyJobKey === 0;
    return hasNoFds && this.group === null && this.data === null && this.redirect === null && this.identity === null;
  }
}

/** Bits of `FileState.facts`. The bits above them are the protection, if it is known. */
const REMOVED = 1;
const IS_UPPER = 2;
const STALE_PAGES = 4;
const IS_COPY = 8;
const LACKS_CAPABILITY = 16;
const KNOWS_PROTECTION = 32;
const WAS_OPENED = 64;
const MAY_BE_MAPPED = 128;
const PROTECTION_SHIFT = 8;

/**
 * The state of a file, apart from its place in the tree and in a layer. It is the base class of
 * `FileNode`, and not an object of its own, which would take memory for each node.
 */
export abstract class FileState {
  // Declared here, and set in the constructor: with initializers in a base class, `new FileNode` takes 17
  // instead of 8 ns.
  declare ino: number;
  declare private facts: number;
  declare private rare: RareState | null;

  constructor(ino: number, isUpper: boolean) {
    this.ino = ino;
    this.facts = isUpper ? IS_UPPER : 0;
    this.rare = null;
  }

  get removed(): boolean {
    return (this.facts & REMOVED) !== 0;
  }
  set removed(holds: boolean) {
    this.setFact(REMOVED, holds);
  }

  get isUpper(): boolean {
    return (this.facts & IS_UPPER) !== 0;
  }
  set isUpper(holds: boolean) {
    this.setFact(IS_UPPER, holds);
  }

  /** The kernel's page cache is out of date, because data was written to a backing file (passthrough). */
  get stalePages(): boolean {
    return (this.facts & STALE_PAGES) !== 0;
  }
  set stalePages(holds: boolean) {
    this.setFact(STALE_PAGES, holds);
  }

  /** The file is an upper one and shows the inode number of the lower file that it was copied from. */
  get isCopy(): boolean {
    return (this.facts & IS_COPY) !== 0;
  }
  set isCopy(holds: boolean) {
    this.setFact(IS_COPY, holds);
  }

  /**
   * The file has no `security.capability`. The kernel asks for this xattr before the first write to each open
   * file and before each change of owner. Cleared when the xattr is set.
   */
  get lacksCapability(): boolean {
    return (this.facts & LACKS_CAPABILITY) !== 0;
  }
  set lacksCapability(holds: boolean) {
    this.setFact(LACKS_CAPABILITY, holds);
  }

  /** The file was opened before, so the kernel can have pages of it. */
  get wasOpened(): boolean {
    return (this.facts & WAS_OPENED) !== 0;
  }
  set wasOpened(holds: boolean) {
    this.setFact(WAS_OPENED, holds);
  }

  /**
   * The file was open for reading and writing in passthrough. A mapping can write to it even after the file
   * was closed.
   */
  get mayBeMapped(): boolean {
    return (this.facts & MAY_BE_MAPPED) !== 0;
  }
  set mayBeMapped(holds: boolean) {
    this.setFact(MAY_BE_MAPPED, holds);
  }

  get protection(): number | null {
    return (this.facts & KNOWS_PROTECTION) === 0 ? null : this.facts >>> PROTECTION_SHIFT;
  }
  set protection(flags: number | null) {
    const others = this.facts & ((1 << PROTECTION_SHIFT) - 1) & ~KNOWS_PROTECTION;
    this.facts = flags === null ? others : others | KNOWS_PROTECTION | (flags << PROTECTION_SHIFT);
  }

  get open(): OpenFile | null {
    return this.rare === null ? null : this.rare.open;
  }
  set open(open: OpenFile | null) {
    if (open === this.open) return;
    this.rareState().open = open;
    this.dropRareState();
  }

  /**
   * An fd of an upper object that has lost the name at which the node was, or -1. O_PATH is enough. The node
   * owns it. A node whose object is open does not need one, except for a metacopy, where the open fd is that
   * of the data.
   */
  get pinnedFd(): number {
    return this.rare === null ? -1 : this.rare.pinnedFd;
  }
  set pinnedFd(fd: number) {
    if (fd === this.pinnedFd) return;
    this.rareState().pinnedFd = fd;
    this.dropRareState();
  }

  /** The key of the copy-up of this file that a helper thread executes (`CopyJob`); 0: none. */
  get copyJobKey(): number {
    return this.rare === null ? 0 : this.rare.copyJobKey;
  }
  set copyJobKey(key: number) {
    if (key === this.copyJobKey) return;
    this.rareState().copyJobKey = key;
    this.dropRareState();
  }

  /**
   * The group of a lower file with several links, or of its copy; null: the file has one link, or its links
   * do not remain one file when it is copied up.
   */
  get group(): LinkGroup | null {
    return this.rare === null ? null : this.rare.group;
  }
  set group(group: LinkGroup | null) {
    if (group === this.group) return;
    this.rareState().group = group;
    this.dropRareState();
  }

  /** The data of a metacopy, whose own object has only the attributes; null: the object has its data. */
  get data(): FileData | null {
    return this.rare === null ? null : this.rare.data;
  }
  set data(data: FileData | null) {
    if (data === this.data) return;
    this.rareState().data = data;
    this.dropRareState();
  }

  /** The redirect of an upper metacopy, which leads to its data; see `Marks.redirect`. */
  get redirect(): string | null {
    return this.rare === null ? null : this.rare.redirect;
  }
  set redirect(redirect: string | null) {
    if (redirect === this.redirect) return;
    this.rareState().redirect = redirect;
    this.dropRareState();
  }

  /**
   * The number by which other names of the same file are recognised (`NodeTable.share`). For a file with a
   * `group` it is the number shown. For other files it is their own number, because two copies can both
   * record the same lower file, and would show the same number.
   */
  get identity(): number {
    return this.rare?.identity ?? this.ino;
  }
  set identity(identity: number) {
    if (identity === this.identity) return;
    this.rareState().identity = identity === this.ino ? null : identity;
    this.dropRareState();
  }

  private setFact(fact: number, holds: boolean): void {
    this.facts = holds ? this.facts | fact : this.facts & ~fact;
  }

  private rareState(): RareState {
    this.rare ??= new RareState();
    return this.rare;
  }

  /** Frees the rare state if it is the initial one. */
  private dropRareState(): void {
    if (this.rare?.isInitial === true) this.rare = null;
  }
}
