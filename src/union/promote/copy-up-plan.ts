/** Plans the copy-up of a file: everything that is decided before the upper changes. */
import type { CopyUpSource } from '../../copyup/context.js';
import { refuseProtected } from '../../copyup/copy-up.js';
import { Errno, fsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { close } from '../../sys/files/open.js';
import type { RealDirectory } from '../layers/layer.js';
import { FileData } from '../nodes/file-data.js';
import type { FileNode } from '../nodes/node.js';
import { statToCopy } from '../objects/protection.js';
import { lacksData } from '../objects/unfollowed-data.js';
import { LARGE } from '../state/copy-jobs.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';

interface PlannedSource {
  /** The lower object to copy. */
  readonly source: CopyUpSource;
  /**
   * The lower file has other links, and the mount does not keep them: the copy becomes a file of its own, as
   * in the kernel's overlayfs without an index.
   */
  readonly breaksLinks: boolean;
}

/** A regular file is copied with its data. */
export interface WholeCopyPlan extends PlannedSource {
  readonly kind: 'whole';
  /** How many bytes of the data are copied, at most. */
  readonly copiedLength: number;
  /** The size that the copy gets; infinity: the size of the source. */
  readonly length: number;
}

/** Only the attributes of a regular file are copied. */
export interface MetacopyPlan extends PlannedSource {
  readonly kind: 'metacopy';
  /** The data, which remains in its lower layer. */
  readonly data: FileData;
}

/** A symlink, device, fifo or socket is copied. */
export interface SpecialCopyPlan extends PlannedSource {
  readonly kind: 'special';
}

/** Plans to copy a lower file with its data. @param length as of `copyUp` */
export function planCopyUp(union: Union, node: FileNode, length: number): WholeCopyPlan | SpecialCopyPlan {
  const home = node.home as RealDirectory;
  const planned = planSource(union, node, home);
  const { source } = planned;
  if (!isRegular(source.stat.mode)) return { kind: 'special', ...planned };
  if (lacksData(union.stack, home.layer, source.dirfd, source.name)) throw fsError(Errno.EPERM, 'copy-up');
  // If the caller wants a large piece, the whole file is copied: the copy takes a while, and by then the
  // caller may no longer exist.
  const copiedLength = length < LARGE ? length : Number.POSITIVE_INFINITY;
  return { kind: 'whole', ...planned, copiedLength, length };
}

/**
 * Whether a change of attributes copies only attributes, as the kernel does with metacopy=on
 * (fs/overlayfs/copy_up.c:ovl_need_meta_copy_up). A file without a name is copied whole: a metacopy finds its
 * data by its path, and this file has none.
 */
export function prefersMetacopy(stack: LayerStack, node: FileNode): boolean {
  return stack.writable().copyUp.makesMetacopies && node.parent !== null;
}

/** Plans to copy the attributes of a lower file; all of it if it is no regular file. */
export function planMetacopy(union: Union, node: FileNode): MetacopyPlan | SpecialCopyPlan {
  const home = node.home as RealDirectory;
  const planned = planSource(union, node, home);
  if (!isRegular(planned.source.stat.mode)) return { kind: 'special', ...planned };
  // The file is a metacopy itself. If its data is missing in the layers below, this throws: otherwise the
  // copy would have no data either (fs/overlayfs/util.c:ovl_verify_lowerdata).
  if (node.data !== null) close(node.data.open());
  const data = node.data ?? FileData.at(home, node.realName, planned.source.stat);
  return { kind: 'metacopy', ...planned, data };
}

function planSource(union: Union, node: FileNode, home: RealDirectory): PlannedSource {
  const dirfd = union.fds.get(home);
  const name = node.realName;
  const { layer } = home;
  const stat = new FileStat();
  statToCopy(union, node, stat);
  refuseProtected(stat, union.stack.writable().copyUp);
  const breaksLinks = union.identity.links === null && stat.nlink > 1;
  const origin = breaksLinks ? null : (union.identity.originHandles?.originOf(layer, dirfd, name) ?? null);
  return { source: { dirfd, name, stat, overrides: layer.overrides, origin }, breaksLinks };
}
