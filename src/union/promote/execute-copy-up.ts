/**
 * Executes the plan of a file's copy-up by the four steps that `copyup/copy-up.ts` describes. Then the node
 * of the file becomes that of the copy.
 */
import type { CopyUpSource } from '../../copyup/context.js';
import { copyUpNonRegular, copyUpUnnamed, publishFile } from '../../copyup/copy-up.js';
import { StagedFile } from '../../copyup/staged-file.js';
import type { EntryName } from '../../core/brand.js';
import { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { Parked } from '../../fuse/operations.js';
import { truncate } from '../../sys/files/file-io.js';
import type { ObjectRef } from '../../sys/files/object-ref.js';
import { close, reopen } from '../../sys/files/open.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import type { RealDirectory } from '../layers/layer.js';
import type { FileNode } from '../nodes/node.js';
import { repoint } from '../objects/open-node.js';
import { LARGE } from '../state/copy-jobs.js';
import type { Identity, Union } from '../state/union.js';
import type { MetacopyPlan, SpecialCopyPlan, WholeCopyPlan } from './copy-up-plan.js';
import { markImpure } from './impure-mark.js';
import { parkForSync } from './park-for-sync.js';
import { copyUpDirectory } from './promote-directory.js';
import { switchLayer } from './switch-layer.js';

const scratch = new FileStat();

/**
 * Copies a regular file with its data. Throws `Parked` while a helper thread copies it, or the kernel syncs
 * it.
 * @returns an fd of the copy, as `copyUp` does
 */
export function copyWhole(union: Union, node: FileNode, plan: WholeCopyPlan): number {
  const { copyUp } = union.stack.writable();
  const staged = StagedFile.open(plan.source, copyUp, plan.copiedLength, node.data?.open());
  if (staged.needsData && staged.length >= LARGE) {
    // The copy keeps the size of the source. A request for another size is executed again after the copy.
    const complete = (): void => closeCopy(publish(union, node, staged, plan, { synced: true }));
    throw new Parked(union.jobs.start(node, staged, copyUp.sync, complete));
  }
  try {
    staged.fill();
  } catch (error) {
    staged.abandon();
    throw error;
  }
  // A cut copy must not be published after its caller has died, and a parked request can lose its caller.
  if (plan.length === Number.POSITIVE_INFINITY) {
    parkForSync(union, node, staged, () => closeCopy(publish(union, node, staged, plan, { synced: true })));
  }
  return publish(union, node, staged, plan, { synced: false, length: plan.length });
}

/** Copies the attributes of a regular file. The data remains where it is. */
export function copyAttributes(union: Union, node: FileNode, plan: MetacopyPlan): void {
  const staged = StagedFile.withoutData(plan.source, union.stack.writable().copyUp);
  closeCopy(publish(union, node, staged, plan, { synced: false }));
}

/** Copies a symlink, device, fifo or socket. */
export function copySpecial(union: Union, node: FileNode, plan: SpecialCopyPlan): void {
  const { source } = plan;
  const { copyUp } = union.stack.writable();
  const home = upperParent(union, node);
  const copy = new FileStat();
  const whenFinished = (dirfd: number, name: EntryName): void => {
    statAt(dirfd, name, copy);
    addToLinkTable(union.identity, node, { dirfd, name }, copy, source);
  };
  if (home === null) {
    const pinnedFd = copyUpUnnamed(source, copyUp, whenFinished);
    switchLayer(union, node, { home, copy, breaksLinks: plan.breaksLinks });
    if (node.home === null) node.pinnedFd = pinnedFd;
    else close(pinnedFd);
    return;
  }
  const destination = { upper: union.fds.get(home), name: node.name };
  removeFromLinkTableOnFailure(union.identity, node, () => copyUpNonRegular(source, destination, copyUp, whenFinished));
  switchLayer(union, node, { home, copy, breaksLinks: plan.breaksLinks });
}

/** The state of a staged copy that is to be published. */
interface StagedState {
  /** Its data is on the disk already. */
  readonly synced: boolean;
  /** The size that it gets, if not its own. */
  readonly length?: number;
}

/**
 * Seals a staged file and gives it its name in the upper. From here on the node is an upper one.
 * @returns an fd of the copy, which the caller closes; -1: the open file of the node has taken it, or the
 * copy has no data
 */
function publish(
  union: Union,
  node: FileNode,
  staged: StagedFile,
  plan: WholeCopyPlan | MetacopyPlan,
  { synced, length = Number.POSITIVE_INFINITY }: StagedState,
): number {
  const copy = scratch;
  let home: RealDirectory | null;
  let fd: number;
  let pinnedFd = -1;
  try {
    home = upperParent(union, node);
    staged.seal(synced);
    if (Number.isFinite(length)) truncate(staged.fd, length);
    statFd(staged.fd, copy);
    addToLinkTable(union.identity, node, { dirfd: staged.fd, name: '' }, copy, plan.source);
    if (home === null && node.group === null && node.open === null) pinnedFd = reopen(staged.fd, O_PATH);
    fd = removeFromLinkTableOnFailure(union.identity, node, () =>
      home === null ? staged.keepUnnamed() : publishFile(staged, { upper: union.fds.get(home), name: node.name }),
    );
  } catch (error) {
    staged.abandon();
    if (pinnedFd >= 0) close(pinnedFd);
    throw error;
  }
  switchLayer(union, node, { home, copy, breaksLinks: plan.breaksLinks });
  if (pinnedFd >= 0) node.pinnedFd = pinnedFd;
  if (plan.kind === 'metacopy') {
    node.data = plan.data;
    close(fd);
    return -1;
  }
  node.data = null;
  return repoint(node, fd);
}

/**
 * The upper directory in which the copy gets its name, copied up and marked if necessary; null: the file has
 * no name, and its copy gets none.
 */
function upperParent(union: Union, { parent }: FileNode): RealDirectory | null {
  if (parent === null) return null;
  const home = copyUpDirectory(union, parent);
  markImpure(union, parent);
  return home;
}

/**
 * Makes the entry of a file with several links in the hard link table, before its copy has a name. From then
 * on the other names of the file show the copy. If the server is killed before the copy gets its name, the
 * next mount shows the copy at that name too.
 * @param staged the finished copy
 * @param copy the stat of the copy
 */
function addToLinkTable(
  identity: Identity,
  node: FileNode,
  staged: ObjectRef,
  copy: FileStat,
  source: CopyUpSource,
): void {
  const { group } = node;
  if (group === null) return;
  group.raiseLowerLinks(source.stat.nlink);
  if (identity.links === null) return;
  if (node.removed) node.group = null;
  else identity.links.addCopy(group, staged, copy, source.origin);
}

/** Runs `publishCopy`; if that fails, removes the entry that {@link addToLinkTable} has made. */
function removeFromLinkTableOnFailure<T>(identity: Identity, node: FileNode, publishCopy: () => T): T {
  try {
    return publishCopy();
  } catch (error) {
    if (node.group !== null) identity.links?.removeCopy(node.group);
    throw error;
  }
}

/** Closes the fd of a copy, if it is not -1. */
export function closeCopy(fd: number): void {
  if (fd >= 0) close(fd);
}
