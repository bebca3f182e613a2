import { type EntryName, type NodeId, ROOT_ID } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import type { FileStat } from '../../core/file-stat.js';
import { IdMap, type IdRule, NOBODY } from '../../core/id-map.js';
import { CAPABILITY, isAcl } from '../../core/xattr-names.js';
import type {
  Allocation,
  AttributeChange,
  Attributes,
  Caller,
  CreatedFile,
  DirectorySink,
  Entry,
  ListingOptions,
  NewFile,
  NewSpecial,
  Opened,
  Operations,
  RangeCopy,
  SetXattrOptions,
} from '../../fuse/operations.js';
import { isRoot, mayKeepSetGid } from '../ops/caller.js';
import type { Union } from '../state/union.js';
import { mapAcl, mapCapability, toDisk, toShown } from './acl-ids.js';
import { UnionFilesystem } from './union-filesystem.js';

/**
 * Settings of a mount that shows owners, link counts of directories or xattrs in another way than the layers
 * store them.
 */
export interface OwnershipView {
  readonly uids?: IdRule;
  readonly gids?: IdRule;
  /** Every directory has a link count of 1, which means that the number of subdirectories is not known. */
  readonly staticLinks?: boolean;
  readonly xattrs?: Operations['xattrs'];
}

/**
 * A caller whose ids are mapped to ids of the disk. The union compares these ids with the owners of objects,
 * and makes them the owners of new objects.
 */
class CallerOnDisk implements Caller {
  private who: Caller | null = null;

  constructor(
    private readonly uids: IdMap,
    private readonly gids: IdMap,
  ) {}

  of(who: Caller): Caller {
    this.who = who;
    return this;
  }

  private get caller(): Caller {
    if (this.who === null) throw new Error('no caller');
    return this.who;
  }

  // A caller whose id has no counterpart on the disk must be able to make objects: a container engine makes
  // objects as the host's root, which can have no counterpart. The objects then belong to NOBODY.
  get uid(): number {
    return this.uids.disk(this.caller.uid) ?? NOBODY;
  }
  get gid(): number {
    return this.gids.disk(this.caller.gid) ?? NOBODY;
  }
  get pid(): number {
    return this.caller.pid;
  }
  get umask(): number {
    return this.caller.umask;
  }

  /** Root of the host, or of the container that the ids are mapped for. */
  get isRoot(): boolean {
    return isRoot(this.caller) || this.uids.disk(this.caller.uid) === 0;
  }

  mayKeepSetGid(uid: number, gid: number): boolean {
    return mayKeepSetGid(this.caller, this.uids.shown(uid), this.gids.shown(gid));
  }
}

/**
 * A union whose owners are mapped. The union itself knows only ids of the disk; this class maps the ids of
 * requests and replies. A change to an id that the disk has no counterpart for fails with EOVERFLOW, as on an
 * idmapped mount (fs/attr.c:notify_change). For the root directory it succeeds and changes nothing.
 */
export class MappedFilesystem extends UnionFilesystem {
  override readonly xattrs: Operations['xattrs'];
  private readonly uids: IdMap;
  private readonly gids: IdMap;
  private readonly staticLinks: boolean;
  private readonly onDisk: CallerOnDisk;

  constructor(union: Union, noSync: boolean, { uids, gids, staticLinks = false, xattrs = 'all' }: OwnershipView) {
    super(union, noSync);
    this.xattrs = xattrs;
    this.uids = new IdMap(uids);
    this.gids = new IdMap(gids);
    this.staticLinks = staticLinks;
    this.onDisk = new CallerOnDisk(this.uids, this.gids);
  }

  /** Maps the owner in place: the union fills its answer anew for each request. */
  private show<T extends { readonly attr: FileStat }>(answer: T): T {
    const { attr } = answer;
    attr.uid = this.uids.shown(attr.uid);
    attr.gid = this.gids.shown(attr.gid);
    if (this.staticLinks && isDirectory(attr.mode) && attr.nlink > 1) attr.nlink = 1;
    return answer;
  }

  override lookup(parent: NodeId, name: EntryName): Entry | null {
    const entry = super.lookup(parent, name);
    return entry === null ? null : this.show(entry);
  }

  override getattr(nodeid: NodeId): Attributes {
    return this.show(super.getattr(nodeid));
  }

  override setattr(nodeid: NodeId, change: AttributeChange, caller: Caller): Attributes {
    const mapped = { ...change };
    for (const [id, map] of [
      ['uid', this.uids],
      ['gid', this.gids],
    ] as const) {
      const shown = change[id];
      if (shown === undefined) continue;
      const disk = map.disk(shown);
      if (disk !== null) mapped[id] = disk;
      // Before containers/storage compares a container, it sets the unmapped owner on the mountpoint
      // (idtools.MkdirAs in overlay.go:get). If that failed, it would not compare them.
      else if (nodeid === ROOT_ID) delete mapped[id];
      else throw fsError(Errno.EOVERFLOW, 'chown');
    }
    return this.show(super.setattr(nodeid, mapped, this.onDisk.of(caller)));
  }

  override mknod(parent: NodeId, name: EntryName, special: NewSpecial, caller: Caller): Entry {
    return this.show(super.mknod(parent, name, special, this.onDisk.of(caller)));
  }

  override mkdir(parent: NodeId, name: EntryName, mode: number, caller: Caller): Entry {
    return this.show(super.mkdir(parent, name, mode, this.onDisk.of(caller)));
  }

  override symlink(parent: NodeId, name: EntryName, target: string, caller: Caller): Entry {
    return this.show(super.symlink(parent, name, target, this.onDisk.of(caller)));
  }

  override link(nodeid: NodeId, parent: NodeId, name: EntryName): Entry {
    return this.show(super.link(nodeid, parent, name));
  }

  override open(nodeid: NodeId, flags: number, killSetIdFor: Caller | null): Opened {
    return super.open(nodeid, flags, killSetIdFor && this.onDisk.of(killSetIdFor));
  }

  override create(parent: NodeId, name: EntryName, file: NewFile, caller: Caller): CreatedFile {
    const made = super.create(parent, name, file, this.onDisk.of(caller));
    this.show(made.entry);
    return made;
  }

  override tmpfile(parent: NodeId, file: NewFile, caller: Caller): CreatedFile {
    const made = super.tmpfile(parent, file, this.onDisk.of(caller));
    this.show(made.entry);
    return made;
  }

  override write(
    nodeid: NodeId,
    from: Buffer,
    at: number,
    size: number,
    offset: number,
    killSetIdFor: Caller | null,
    flags?: number,
  ): number {
    return super.write(nodeid, from, at, size, offset, killSetIdFor && this.onDisk.of(killSetIdFor), flags);
  }

  override fallocate(nodeid: NodeId, allocation: Allocation, caller: Caller): void {
    super.fallocate(nodeid, allocation, this.onDisk.of(caller));
  }

  override copyFileRange(copy: RangeCopy, caller: Caller): number {
    return super.copyFileRange(copy, this.onDisk.of(caller));
  }

  override readdir(nodeid: NodeId, cookie: number, sink: DirectorySink, options: ListingOptions): void {
    if (!options.plus) {
      super.readdir(nodeid, cookie, sink, options);
      return;
    }
    const showing: DirectorySink = {
      fits: (bytes) => sink.fits(bytes),
      add: (name, ino, type, at) => sink.add(name, ino, type, at),
      addPlus: (name, ino, type, at, entry) => sink.addPlus(name, ino, type, at, entry && this.show(entry)),
    };
    super.readdir(nodeid, cookie, showing, options);
  }

  /**
   * Throws EOPNOTSUPP if the mount has no xattrs, or if the xattr is an ACL and the mount has no ACLs. A file
   * system without such xattrs does the same (man xattr(7)).
   */
  private refuseAbsent(name: string): void {
    if (this.xattrs === 'none' || (this.xattrs === 'no-acls' && isAcl(name))) throw fsError(Errno.EOPNOTSUPP, 'xattr');
  }

  override getxattr(nodeid: NodeId, name: string): Buffer | null {
    this.refuseAbsent(name);
    const value = super.getxattr(nodeid, name);
    if (value === null) return null;
    if (isAcl(name)) return mapAcl(value, this.uids, this.gids, toShown);
    return name === CAPABILITY ? mapCapability(value, this.uids, toShown) : value;
  }

  override listxattr(nodeid: NodeId, caller: Caller): string[] {
    if (this.xattrs === 'none') throw fsError(Errno.EOPNOTSUPP, 'xattr');
    const names = super.listxattr(nodeid, caller);
    return this.xattrs === 'no-acls' ? names.filter((name) => !isAcl(name)) : names;
  }

  override setxattr(nodeid: NodeId, name: string, value: Buffer, options: SetXattrOptions): void {
    this.refuseAbsent(name);
    let mapped = value;
    if (isAcl(name)) mapped = mapAcl(value, this.uids, this.gids, toDisk);
    else if (name === CAPABILITY) mapped = mapCapability(value, this.uids, toDisk);
    super.setxattr(nodeid, name, mapped, options);
  }

  override removexattr(nodeid: NodeId, name: string): void {
    this.refuseAbsent(name);
    super.removexattr(nodeid, name);
  }
}
