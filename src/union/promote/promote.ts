/**
 * Brings nodes to the upper layer: the only caller of `src/copyup`, and the place where a node changes its
 * layer.
 */

import type { CopyUpSource } from '../../copyup/context.js';
import { copyUpOther, copyUpUnnamed, publishFile, refuseProtected } from '../../copyup/copy-up.js';
import { StagedFile } from '../../copyup/staged-file.js';
import type { StagedObject } from '../../copyup/staged-object.js';
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, FsError, fsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { Parked } from '../../fuse/operations.js';
import { truncate } from '../../sys/files/file-io.js';
import { close, reopen } from '../../sys/files/open.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import type { RealDirectory } from '../layers/layer.js';
import { FileData } from '../nodes/file-data.js';
import type { LinkGroup } from '../nodes/link-group.js';
import type { FileNode } from '../nodes/node.js';
import { repoint } from '../objects/open-file.js';
import { statToCopy } from '../objects/protection.js';
import { lacksData } from '../objects/real-object.js';
import { type CopyJob, LARGE } from '../state/copy-jobs.js';
import type { Union } from '../state/union.js';
import { completeData } from './complete-data.js';
import { copyUpDirectory, markImpure, noteCopiedUp } from './promote-directory.js';
import { bringKnownName } from './upper-names.js';

const fresh = new FileStat();

/** A node that a helper thread is copying up must not change its place until that is done. */
export function assertFree(node: FileNode): void {
  if (node.busy !== 0) throw new Parked(node.busy);
}

/**
 * Copies a file up if it is in a lower layer. Throws `Parked` while a helper thread copies its data.
 * @param length the size for the copy: 0 for O_TRUNC, the new size for a truncation. The copy gets that size
 * before it gets its name: a later truncation that failed half-way could not be undone
 * @returns an fd of the copy, open for reading and writing and the caller's to close, or -1 if there is none
 */
export function copyUp(union: Union, node: FileNode, length = Number.POSITIVE_INFINITY): number {
  if (node.isUpper) bringKnownName(union, node);
  if (node.isUpper && node.data === null) return -1;
  const upper = union.writable();
  assertFree(node);
  const failed = union.jobs.takeFailure(node);
  if (failed !== 0) throw fsError(failed, 'copy-up');
  if (node.isUpper) return completeData(union, node, length);
  const home = node.home as RealDirectory;
  const source = sourceOf(union, node, home);
  if (isRegular(source.stat.mode) && lacksData(union, home.layer, source.dirfd, source.name)) {
    throw fsError(Errno.EPERM, 'copy-up');
  }
  if (!isRegular(source.stat.mode)) {
    copyUpSpecial(union, node, source);
    return -1;
  }
  // A large piece is copied whole: its data takes time, and whoever asked for the piece may be gone when it
  // is there.
  const wanted = length < LARGE ? length : Number.POSITIVE_INFINITY;
  const staged = StagedFile.open(source, upper.copyUp, wanted, node.data?.open());
  if (staged.needsData && staged.length >= LARGE) {
    const complete = (): void => release(finish(union, node, staged, { synced: true }));
    throw new Parked(union.jobs.start(node, staged, upper.copyUp.sync, complete));
  }
  try {
    staged.fill();
  } catch (error) {
    staged.abandon();
    throw error;
  }
  return finish(union, node, staged, { synced: false, length });
}

/**
 * Whether a copy of this lower file parts from its other links, as in the kernel's overlayfs without index.
 */
function isParting(union: Union, links: number): boolean {
  return union.links === null && links > 1;
}

/** The lower object of `node`. */
function sourceOf(union: Union, node: FileNode, home: RealDirectory): CopyUpSource {
  const dirfd = union.fds.get(home);
  const stat = new FileStat();
  statToCopy(union, node, stat);
  refuseProtected(stat, union.writable().copyUp);
  const origin = isParting(union, stat.nlink)
    ? null
    : (union.lowerFiles?.originOf(home.layer, dirfd, node.realName) ?? null);
  return { dirfd, name: node.realName, stat, overrides: home.layer.overrides, origin };
}

/** Makes sure that `node` is in the upper with its attributes, for changes that are of these only. */
export function ensureUpper(union: Union, node: FileNode): void {
  if (node.isUpper) {
    assertFree(node);
    bringKnownName(union, node);
    // That the data could not come is for those who want it. They try again, and are told.
    if (node.data !== null) union.jobs.takeFailure(node);
  } else if (!copyUpAttributes(union, node)) ensureWhole(union, node);
}

/** Makes sure that `node` is in the upper with its data. */
export function ensureWhole(union: Union, node: FileNode): void {
  release(copyUp(union, node));
}

function release(fd: number): void {
  if (fd >= 0) close(fd);
}

/**
 * Copies all of a lower file but its data, as the kernel does with metacopy=on (fs/overlayfs/copy_up.c:
 * ovl_need_meta_copy_up). False: it has to be copied whole; one without a name has no place that could lead
 * to its data.
 */
function copyUpAttributes(union: Union, node: FileNode): boolean {
  const upper = union.writable();
  if (!upper.copyUp.makesMetacopies || node.parent === null) return false;
  assertFree(node);
  const home = node.home as RealDirectory;
  const source = sourceOf(union, node, home);
  if (!isRegular(source.stat.mode)) return false;
  union.jobs.takeFailure(node);
  // A copy of what has no data would be one more of the kind (fs/overlayfs/util.c:ovl_verify_lowerdata).
  if (node.data !== null) close(node.data.open());
  const data = node.data ?? FileData.at(home, node.realName, source.stat);
  finish(union, node, StagedFile.withoutData(source, upper.copyUp), { synced: false, data });
  return true;
}

/**
 * Publishes what helper threads have finished. Returns the keys of all jobs that have ended, well or not.
 * @param isAwaited whether a request still waits for a key: a failure that nobody waits for is nobody else's
 */
export function finishJobs(union: Union, isAwaited: (key: number) => boolean): number[] {
  return union.jobs.takeFinished().map(({ job, errno }) => {
    const failure = errno !== 0 ? errno : finishJob(union, job);
    if (errno !== 0) job.filling.abandon();
    if (failure !== 0 && isAwaited(job.key)) union.jobs.fail(job.node, failure);
    union.nodes.release(job.node);
    return job.key;
  });
}

/** 0, or why the copy did not become the file. */
function finishJob(union: Union, job: CopyJob): number {
  try {
    job.complete();
    return 0;
  } catch (error) {
    if (error instanceof FsError) return error.errno;
    // No request is being served that it could be the failure of; those that wait for the file get it.
    union.log(`EIO to who waits for ${displayName(job.node.name)} to be copied up: ${String(error)}`);
    return Errno.EIO;
  }
}

/** How a copy is finished. */
interface Finish {
  /** Its data is on the disk already. */
  readonly synced: boolean;
  /** The size that it is to have, if not its own. */
  readonly length?: number;
  /** Where the data stays, if the copy has none. */
  readonly data?: FileData;
}

/**
 * Seals and publishes; the node is an upper one from here on. Returns the copy's fd unless the node took it.
 */
function finish(
  union: Union,
  node: FileNode,
  staged: StagedFile,
  { synced, length = Number.POSITIVE_INFINITY, data }: Finish,
): number {
  let home: RealDirectory | null = null;
  let fd: number;
  let pin = -1;
  try {
    if (node.parent !== null) home = copyUpDirectory(union, node.parent);
    markImpure(union, node.parent);
    staged.seal(synced);
    if (Number.isFinite(length)) truncate(staged.fd, length);
    statFd(staged.fd, fresh);
    node.group?.noteLowerLinks(staged.sourceLinks);
    enterGroup(union, node, { dirfd: staged.fd, name: '' }, staged.origin);
    if (home === null && node.group === null && node.open === null) pin = reopen(staged.fd, O_PATH);
    fd = orWithdraw(union, node, () =>
      home === null ? staged.keepUnnamed() : publishFile(staged, { upper: union.fds.get(home), name: node.name }),
    );
  } catch (error) {
    staged.abandon();
    if (pin >= 0) close(pin);
    throw error;
  }
  switchLayer(union, node, home, staged.sourceLinks);
  if (pin >= 0) node.pin = pin;
  node.data = data ?? null;
  if (data !== undefined) {
    close(fd);
    return -1;
  }
  return repoint(node, fd);
}

/**
 * The copy of a file with several links, complete but without a name, gets its entry first: names of the file
 * that the node is not known by show the copy from then on, and should we be killed before it has its own
 * name, that shows the copy as well. `fresh` holds the copy's stat.
 */
function enterGroup(union: Union, node: FileNode, staged: StagedObject, source: Uint8Array | null): void {
  if (node.group === null || union.links === null) return;
  if (node.removed) node.group = null;
  else union.links.enter(node.group, staged, fresh, source);
}

function orWithdraw<T>(union: Union, node: FileNode, publish: () => T): T {
  try {
    return publish();
  } catch (error) {
    if (node.group !== null) union.links?.withdraw(node.group);
    throw error;
  }
}

function copyUpSpecial(union: Union, node: FileNode, source: CopyUpSource): void {
  const upper = union.writable();
  const enter = (dirfd: number, name: EntryName): void => {
    statAt(dirfd, name, fresh);
    node.group?.noteLowerLinks(source.stat.nlink);
    enterGroup(union, node, { dirfd, name }, source.origin);
  };
  if (node.parent === null) {
    const pin = copyUpUnnamed(source, upper.copyUp, enter);
    switchLayer(union, node, null, source.stat.nlink);
    if (node.home === null) node.pin = pin;
    else close(pin);
    return;
  }
  const home = copyUpDirectory(union, node.parent);
  markImpure(union, node.parent);
  const destination = { upper: union.fds.get(home), name: node.name };
  orWithdraw(union, node, () => copyUpOther(source, destination, upper.copyUp, enter));
  switchLayer(union, node, home, source.stat.nlink);
}

/**
 * `fresh` holds the copy's stat. Where links are not kept, a file with other links below parts from them
 * here, as in the kernel's overlayfs without index: it goes on under a number of its own, because the others
 * keep the old one.
 */
function switchLayer(union: Union, node: FileNode, home: RealDirectory | null, lowerLinks: number): void {
  const { group } = node;
  const parted = isParting(union, lowerLinks);
  const own = union.numbers.own(fresh.devMajor, fresh.devMinor, fresh.ino);
  if (parted) node.ino = own;
  // Without a name only the node shows the number; the copy's own one can be another's as soon as the node
  // has gone.
  else if (home !== null || group !== null) union.numbers.keep(fresh, node.ino);
  node.isUpper = true;
  node.isCopy = !parted;
  if (group === null) union.nodes.identify(node, own);
  if (group !== null) reachByEntry(union, node, group, home !== null);
  else {
    node.home = home;
    node.realName = node.name;
  }
  if (home !== null && node.parent !== null) {
    union.listings.peek(node.parent)?.rehome(node.name, home, node.ino);
    // The kernel's cached listing has the old number. A listing's pages are locked only while the kernel
    // fills them.
    if (parted) union.channel?.invalidateData(node.parent.id);
  }
  noteCopiedUp(union, node);
}

/** @param named the copy has a name in the upper too, which hides that lower name */
function reachByEntry(union: Union, node: FileNode, group: LinkGroup, named: boolean): void {
  if (union.links === null || group.entry === null) return;
  if (named) union.links.hide(group);
  node.home = union.links.directory;
  node.realName = group.entry;
}
