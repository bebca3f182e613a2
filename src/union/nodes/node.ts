import type { EntryName, NodeId } from '../../core/brand.js';
import { close } from '../../sys/files/open.js';
import type { RealDirectory } from '../layers/layer.js';
import type { FileData } from './file-data.js';
import type { LinkGroup } from './link-group.js';

/**
 * Nodes: one per nodeid that the kernel may use.
 *
 * A node is held by the kernel's lookups (`nlookup`), by opens, and a directory also by the nodes of its
 * children, because a child finds the directory to copy up through `parent`. It is freed when nothing holds
 * it (`NodeTable.release`), never earlier; the root never.
 */
interface NodeBase {
  readonly id: NodeId;
  /** Where the node is in the merged tree; null for the root and for what has lost its last name. */
  parent: DirectoryNode | null;
  name: EntryName;
  /** Entries handed to the kernel and not yet forgotten. */
  nlookup: number;
  /** The inode number shown. It survives a copy-up. */
  ino: number;
  /** The name is gone from the merged tree. */
  removed: boolean;
  /**
   * FS_IMMUTABLE_FL and FS_APPEND_FL, where the union has to see to them itself; null: not known. See
   * `protection.ts`.
   */
  protection: number | null;
}

export class DirectoryNode implements NodeBase {
  readonly kind = 'directory';
  nlookup = 0;
  removed = false;
  protection: number | null = null;
  /** Nodes of entries that are alive, not all entries. Keyed by each node's own `name`. */
  readonly children = new Map<EntryName, UnionNode>();
  /**
   * `children` has all entries: of a directory that was made here, for as long as none of its nodes is freed
   * while it has its name, and none comes in by a name that its node is not known by. What is to be made
   * there need not be looked for on disk.
   */
  isComplete = false;
  /** The upper directory's default ACL: null for none, undefined when not asked yet. */
  defaultAcl: Buffer | null | undefined;
  /**
   * Where the lower parts of an upper directory that was moved are, as the layer says it; see
   * `Marks.redirect`.
   */
  redirect: string | null = null;
  /** The upper directory may hold copies of lower objects that say so; see `Marks.impure`. */
  impure = false;

  constructor(
    readonly id: NodeId,
    public parent: DirectoryNode | null,
    public name: EntryName,
    public ino: number,
    /** The real directory in the upper; null until the directory is copied up. */
    public upper: RealDirectory | null,
    /** Real directories of lower layers that are merged in, top first; ends at an opaque one. */
    public lowers: readonly RealDirectory[],
  ) {}

  /** The real directory whose attributes are shown. */
  get top(): RealDirectory {
    return this.upper ?? (this.lowers[0] as RealDirectory);
  }

  /** More than one real directory shows here. */
  get isMerged(): boolean {
    return this.upper === null ? this.lowers.length > 1 : this.lowers.length > 0;
  }
}

/**
 * How an open node does its I/O. The kernel allows one mode, and in passthrough one backing file, per inode
 * at a time (fs/fuse/iomode.c), so the mode belongs to the node, not to an open: chosen by the first, kept
 * until the last ends.
 */
export interface OpenFile {
  /**
   * The file that has the data; replaced by the copy when the node, or the data of a metacopy, is copied up,
   * so that every reader sees every write.
   */
  fd: number;
  /**
   * An fd for reading the same file. It is `fd`, unless the server could open the file only for writing when
   * `fd` was opened. -1: `fd` is write-only, and no application has opened the file for reading.
   */
  readFd: number;
  /** `fd` is open for writing. */
  writable: boolean;
  /** Registered backing file (passthrough), or 0: requests come here (cached). */
  backingId: number;
  opens: number;
  /** Of these, opens that can write. */
  writers: number;
  /** What is written through `fd` goes to the end, wherever it was meant to: of an append-only file. */
  appends: boolean;
}

/**
 * What few files have, of those that the kernel knows: one that is open, copied up, has several names or lost
 * its last. Apart, because there can be a million nodes and each field of a node is eight bytes.
 */
class RareState {
  open: OpenFile | null = null;
  pin = -1;
  busy = 0;
  group: LinkGroup | null = null;
  data: FileData | null = null;
  redirect: string | null = null;
  identity: number | null = null;

  get isBare(): boolean {
    return this.open === null && this.pin < 0 && this.busy === 0 && this.group === null && this.isWhole;
  }

  private get isWhole(): boolean {
    return this.data === null && this.redirect === null && this.identity === null;
  }
}

/** Bits of `FileNode.facts`. A protection is kept above them, where it is known. */
const REMOVED = 1;
const IS_UPPER = 2;
const STALE_PAGES = 4;
const IS_COPY = 8;
const LACKS_CAPABILITY = 16;
const KNOWS_PROTECTION = 32;
const WAS_OPENED = 64;
const MAY_BE_MAPPED = 128;
const PROTECTION_SHIFT = 8;

/** Everything that is not a directory. */
export class FileNode implements NodeBase {
  nlookup = 0;
  private facts: number;
  private rare: RareState | null = null;

  constructor(
    readonly id: NodeId,
    public parent: DirectoryNode | null,
    public name: EntryName,
    public ino: number,
    isUpper: boolean,
    /**
     * The real directory and name that lead to the object; null once it is reached through `pin` only. The
     * copy of a file with a `group` is reached through its entry, and no name of it.
     */
    public home: RealDirectory | null,
    public realName: EntryName,
  ) {
    this.facts = isUpper ? IS_UPPER : 0;
  }

  get kind(): 'file' {
    return 'file';
  }

  /** Makes the object be reached at `name` in `home` from now on. Closes the pinned fd, which is not needed then. */
  placeAt(home: RealDirectory, name: EntryName): void {
    this.home = home;
    this.realName = name;
    if (this.pin >= 0) close(this.pin);
    this.pin = -1;
  }

  get removed(): boolean {
    return (this.facts & REMOVED) !== 0;
  }
  set removed(holds: boolean) {
    this.note(REMOVED, holds);
  }

  get isUpper(): boolean {
    return (this.facts & IS_UPPER) !== 0;
  }
  set isUpper(holds: boolean) {
    this.note(IS_UPPER, holds);
  }

  /** Pages that the kernel cached earlier are out of date: data went past the cache, to a backing file. */
  get stalePages(): boolean {
    return (this.facts & STALE_PAGES) !== 0;
  }
  set stalePages(holds: boolean) {
    this.note(STALE_PAGES, holds);
  }

  /** An upper file that shows the number of the lower one it was copied from. */
  get isCopy(): boolean {
    return (this.facts & IS_COPY) !== 0;
  }
  set isCopy(holds: boolean) {
    this.note(IS_COPY, holds);
  }

  /**
   * It has no `security.capability`, which the kernel asks for before the first write of each open file and
   * before each change of owner. Taken back when one is set.
   */
  get lacksCapability(): boolean {
    return (this.facts & LACKS_CAPABILITY) !== 0;
  }
  set lacksCapability(holds: boolean) {
    this.note(LACKS_CAPABILITY, holds);
  }

  /** It has been open, so that the kernel may have pages of it. */
  get wasOpened(): boolean {
    return (this.facts & WAS_OPENED) !== 0;
  }
  set wasOpened(holds: boolean) {
    this.note(WAS_OPENED, holds);
  }

  /**
   * It was open for reading and writing in passthrough. A mapping can still write to it after the file has
   * been closed.
   */
  get mayBeMapped(): boolean {
    return (this.facts & MAY_BE_MAPPED) !== 0;
  }
  set mayBeMapped(holds: boolean) {
    this.note(MAY_BE_MAPPED, holds);
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
    this.needed().open = open;
    this.tidy();
  }

  /**
   * An fd (O_PATH is enough) of an upper object that has lost the name it was known by, and is not open, or
   * is open as a metacopy, that is by its data; or -1. Owned.
   */
  get pin(): number {
    return this.rare === null ? -1 : this.rare.pin;
  }
  set pin(fd: number) {
    if (fd === this.pin) return;
    this.needed().pin = fd;
    this.tidy();
  }

  /** Key of the copy-up that is under way in a helper thread, or 0. */
  get busy(): number {
    return this.rare === null ? 0 : this.rare.busy;
  }
  set busy(key: number) {
    if (key === this.busy) return;
    this.needed().busy = key;
    this.tidy();
  }

  /** A lower file with several links, or the copy of one, where the dialect keeps them together. */
  get group(): LinkGroup | null {
    return this.rare === null ? null : this.rare.group;
  }
  set group(group: LinkGroup | null) {
    if (group === this.group) return;
    this.needed().group = group;
    this.tidy();
  }

  /**
   * The data, if the object that the node stands for has the attributes only (a metacopy); null: it is whole.
   */
  get data(): FileData | null {
    return this.rare === null ? null : this.rare.data;
  }
  set data(data: FileData | null) {
    if (data === this.data) return;
    this.needed().data = data;
    this.tidy();
  }

  /** What an upper metacopy says of where its data is; see `Marks.redirect`. */
  get redirect(): string | null {
    return this.rare === null ? null : this.rare.redirect;
  }
  set redirect(redirect: string | null) {
    if (redirect === this.redirect) return;
    this.needed().redirect = redirect;
    this.tidy();
  }

  /**
   * What other names of the same file are recognised by (`NodeTable.share`): the number shown, of a file with
   * a `group`; else the file's own. Not the number shown, because two copies can claim to be of one lower
   * file.
   */
  get identity(): number {
    return this.rare?.identity ?? this.ino;
  }
  set identity(identity: number) {
    if (identity === this.identity) return;
    this.needed().identity = identity === this.ino ? null : identity;
    this.tidy();
  }

  private note(fact: number, holds: boolean): void {
    this.facts = holds ? this.facts | fact : this.facts & ~fact;
  }

  private needed(): RareState {
    this.rare ??= new RareState();
    return this.rare;
  }

  private tidy(): void {
    if (this.rare?.isBare === true) this.rare = null;
  }
}

export type UnionNode = DirectoryNode | FileNode;
