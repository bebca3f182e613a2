/**
 * Copies files up: decides whether and how. The other files of this room do it, with the code of
 * `src/copyup`.
 */
import { fsError } from '../../core/errno.js';
import { Parked } from '../../fuse/operations.js';
import type { FileNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { completeData } from './complete-data.js';
import { planCopyUp, planMetacopy, prefersMetacopy } from './copy-up-plan.js';
import { closeCopy, copyAttributes, copySpecial, copyWhole } from './execute-copy-up.js';
import { linkNodeName } from './upper-names.js';

/** Throws `Parked` while a helper thread copies the file up: its node must not change its place meanwhile. */
export function assertNotCopying(node: FileNode): void {
  if (node.copyJobKey !== 0) throw new Parked(node.copyJobKey);
}

/**
 * Copies a file up if it is in a lower layer, or its data if only its attributes are in the upper. Throws
 * `Parked` while a helper thread copies its data.
 * @param length the size for the copy: 0 for O_TRUNC, the new size for a truncation. The copy gets that size
 * before it gets its name: a later truncation that failed half-way could not be undone
 * @returns an fd of the copy, open for reading and writing, which the caller closes; -1: there is none
 */
export function copyUp(union: Union, node: FileNode, length = Number.POSITIVE_INFINITY): number {
  if (node.isUpper) linkNodeName(union, node);
  if (node.isUpper && node.data === null) return -1;
  union.stack.writable();
  assertNotCopying(node);
  const errno = union.jobs.takeFailure(node);
  if (errno !== 0) throw fsError(errno, 'copy-up');
  if (node.isUpper) return completeData(union, node, length);
  const plan = planCopyUp(union, node, length);
  if (plan.kind === 'whole') return copyWhole(union, node, plan);
  copySpecial(union, node, plan);
  return -1;
}

/**
 * Makes sure that `node` is in the upper with its attributes, for a change that does not concern its data.
 */
export function ensureUpper(union: Union, node: FileNode): void {
  if (node.isUpper) {
    assertNotCopying(node);
    linkNodeName(union, node);
    // The error of a failed copy of the data is dropped. A caller that needs the data starts the copy again.
    if (node.data !== null) union.jobs.takeFailure(node);
    return;
  }
  if (!prefersMetacopy(union.stack, node)) {
    ensureWhole(union, node);
    return;
  }
  assertNotCopying(node);
  union.jobs.takeFailure(node);
  const plan = planMetacopy(union, node);
  if (plan.kind === 'metacopy') copyAttributes(union, node, plan);
  else copySpecial(union, node, plan);
}

/** Makes sure that `node` is in the upper with its data. */
export function ensureWhole(union: Union, node: FileNode): void {
  closeCopy(copyUp(union, node));
}
