import type { AccessTimes } from '../../core/access-times.js';
import type { EntryName, NodeId } from '../../core/brand.js';
import type { Moment } from '../../core/file-stat.js';
import type {
  Allocation,
  AttributeChange,
  Attributes,
  Caller,
  CreatedFile,
  DirectorySink,
  Entry,
  KernelChannel,
  ListingOptions,
  NewFile,
  NewSpecial,
  Opened,
  Operations,
  RangeCopy,
  SetXattrOptions,
  StatFs,
  SyncFd,
} from '../../fuse/operations.js';
import * as attributes from '../ops/attributes.js';
import * as create from '../ops/create.js';
import * as data from '../ops/data.js';
import * as entries from '../ops/entries.js';
import * as inodeFlags from '../ops/inode-flags.js';
import { link } from '../ops/link.js';
import { readdir } from '../ops/read-directory.js';
import * as remove from '../ops/remove.js';
import { rename } from '../ops/rename.js';
import * as xattrs from '../ops/xattrs.js';
import { finishJobs } from '../promote/finish-jobs.js';
import type { Union } from '../state/union.js';
import { applyRemount } from './apply-remount.js';
import { flushPseudoLinksAtEnd, flushPseudoLinksFor } from './flush-pseudo-links.js';

/**
 * Implements the transport's contract: each method calls the operation of its name. There is no logic here.
 */
export class UnionFilesystem implements Operations {
  readonly xattrs: Operations['xattrs'] = 'all';

  constructor(
    private readonly union: Union,
    readonly noSync: boolean,
  ) {}

  get completionFd(): number {
    return this.union.jobs.doneFd;
  }

  get nodeCount(): number {
    return this.union.nodes.size;
  }

  attach(channel: KernelChannel, abilities: { readonly passthrough: boolean }): void {
    this.union.kernel.channel = channel;
    this.union.kernel.passthrough = abilities.passthrough;
  }

  lookup(parent: NodeId, name: EntryName): Entry | null {
    return entries.lookup(this.union, parent, name);
  }

  forget(nodeid: NodeId, nlookup: number): void {
    this.union.nodes.forget(nodeid, nlookup);
  }

  getattr(nodeid: NodeId): Attributes {
    return attributes.getattr(this.union, nodeid);
  }

  birth(nodeid: NodeId): Moment | null {
    return attributes.birth(this.union, nodeid);
  }

  setattr(nodeid: NodeId, change: AttributeChange, caller: Caller): Attributes {
    return attributes.setattr(this.union, nodeid, change, caller);
  }

  readlink(nodeid: NodeId): string {
    return entries.readlink(this.union, nodeid);
  }

  mknod(parent: NodeId, name: EntryName, special: NewSpecial, caller: Caller): Entry {
    return create.mknod(this.union, parent, name, special, caller);
  }

  mkdir(parent: NodeId, name: EntryName, mode: number, caller: Caller): Entry {
    return create.mkdir(this.union, parent, name, mode, caller);
  }

  symlink(parent: NodeId, name: EntryName, target: string, caller: Caller): Entry {
    return create.symlink(this.union, parent, name, target, caller);
  }

  link(nodeid: NodeId, parent: NodeId, name: EntryName): Entry {
    return link(this.union, nodeid, parent, name);
  }

  unlink(parent: NodeId, name: EntryName): void {
    remove.unlink(this.union, parent, name);
  }

  rmdir(parent: NodeId, name: EntryName): void {
    remove.rmdir(this.union, parent, name);
  }

  rename(parent: NodeId, name: EntryName, newParent: NodeId, newName: EntryName, flags: number): void {
    rename(this.union, parent, name, newParent, newName, flags);
  }

  open(nodeid: NodeId, flags: number, killSetIdFor: Caller | null): Opened {
    return data.open(this.union, nodeid, flags, killSetIdFor);
  }

  create(parent: NodeId, name: EntryName, file: NewFile, caller: Caller): CreatedFile {
    return create.create(this.union, parent, name, file, caller);
  }

  tmpfile(parent: NodeId, file: NewFile, caller: Caller): CreatedFile {
    return create.tmpfile(this.union, parent, file, caller);
  }

  release(nodeid: NodeId, flags: number): void {
    data.release(this.union, nodeid, flags);
  }

  read(nodeid: NodeId, into: Buffer, at: number, size: number, offset: number, flags = 0): number {
    return data.read(this.union, nodeid, into, at, size, offset, flags);
  }

  write(
    nodeid: NodeId,
    from: Buffer,
    at: number,
    size: number,
    offset: number,
    killSetIdFor: Caller | null,
    flags = 0,
  ): number {
    return data.write(this.union, nodeid, from, at, size, offset, killSetIdFor, flags);
  }

  writeBack(nodeid: NodeId, from: Buffer, at: number, size: number, offset: number): number {
    return data.writeBack(this.union, nodeid, from, at, size, offset);
  }

  fsync(nodeid: NodeId, datasync: boolean, syncFd?: SyncFd): void {
    data.fsync(this.union, nodeid, datasync, syncFd);
  }

  fsyncdir(nodeid: NodeId, datasync: boolean, syncFd?: SyncFd): void {
    data.fsyncdir(this.union, nodeid, datasync, syncFd);
  }

  fallocate(nodeid: NodeId, allocation: Allocation, caller: Caller): void {
    data.fallocate(this.union, nodeid, allocation, caller);
  }

  lseek(nodeid: NodeId, offset: number, whence: number): number {
    return data.lseek(this.union, nodeid, offset, whence);
  }

  copyFileRange(copy: RangeCopy, caller: Caller): number {
    return data.copyFileRange(this.union, copy, caller);
  }

  readdir(nodeid: NodeId, cookie: number, sink: DirectorySink, options: ListingOptions): void {
    readdir(this.union, nodeid, cookie, sink, options);
  }

  statfs(_nodeid: NodeId): StatFs {
    return attributes.statfs(this.union.stack);
  }

  getxattr(nodeid: NodeId, name: string): Buffer | null {
    return xattrs.getxattr(this.union, nodeid, name);
  }

  listxattr(nodeid: NodeId, caller: Caller): string[] {
    return xattrs.listxattr(this.union, nodeid, caller);
  }

  setxattr(nodeid: NodeId, name: string, value: Buffer, options: SetXattrOptions): void {
    xattrs.setxattr(this.union, nodeid, name, value, options);
  }

  removexattr(nodeid: NodeId, name: string): void {
    xattrs.removexattr(this.union, nodeid, name);
  }

  getFlags(nodeid: NodeId): number {
    return inodeFlags.getFlags(this.union, nodeid);
  }

  setFlags(nodeid: NodeId, flags: number): void {
    inodeFlags.setFlags(this.union, nodeid, flags);
  }

  getFsxattr(nodeid: NodeId): Buffer {
    return inodeFlags.getFsxattr(this.union, nodeid);
  }

  setFsxattr(nodeid: NodeId, fsxattr: Buffer): void {
    inodeFlags.setFsxattr(this.union, nodeid, fsxattr);
  }

  flushPseudoLinks(caller: Caller): void {
    flushPseudoLinksFor(this.union, caller);
  }

  mounted(id: number): void {
    this.union.stack.upper?.work.markUse(id);
  }

  remounted(change: { readonly accessTimes: AccessTimes; readonly syncs: boolean }, caller: Caller): void {
    applyRemount(this.union, change, caller);
  }

  adjustFds(): void {
    this.union.openFiles.adjust();
  }

  prefetch(): boolean {
    return this.union.caches.filePrefetch.prefetchNext();
  }

  takeCompleted(isAwaited: (key: number) => boolean): number[] {
    return finishJobs(this.union, isAwaited);
  }

  progress(key: number): number {
    return this.union.jobs.progress(key);
  }

  close(): void {
    const { union } = this;
    union.caches.treePrefetch.close();
    union.jobs.close();
    flushPseudoLinksAtEnd(union);
    union.nodes.close();
    union.fds.close();
    union.openFiles.close();
    union.stack.close();
  }
}
