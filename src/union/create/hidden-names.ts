/** Lower objects under a name that the upper hides, or that a new directory of the upper must hide. */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { close, openDirectoryAt } from '../../sys/files/open.js';
import { RealDirectory } from '../layers/layer.js';
import { Descent } from '../lookup/descent.js';
import { readStack } from '../lookup/merge-directory.js';
import { nameInLayer } from '../lookup/name-in-layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';

const stat = new FileStat();

/**
 * Names that an unmarked directory of the upper at `name` of `dir` would show from lower directories that it
 * merges with. None if lower layers have no directory there.
 */
export function lowerNamesIn(union: Union, dir: DirectoryNode, name: EntryName): EntryName[] {
  const stack = lowerStack(union, dir, name);
  try {
    return stack.length === 0 ? [] : readStack(union, stack).map((entry) => entry.name);
  } finally {
    for (const home of stack) union.fds.drop(home);
  }
}

/** The lower directories at `name` of `dir`, top first. */
function lowerStack(union: Union, dir: DirectoryNode, name: EntryName): RealDirectory[] {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, stat, home === lowest);
    if (presence === 'absent') continue;
    if (presence === 'whiteout' || !isDirectory(stat.mode)) return [];
    const stack = [new RealDirectory(home.layer, home, name)];
    const descent = new Descent(union, dir, home, name, null, 'directory');
    for (let step = descent.next(); step !== null; step = descent.next()) {
      stack.push(new RealDirectory(step.home.layer, step.home, step.name));
    }
    return stack;
  }
  return [];
}

/**
 * Hides the lower directories at `name` of `dir` from a new, empty directory, `staged` in the work directory,
 * that is to get this name. On an upper without xattrs it makes a whiteout for each of their names.
 * @returns the lower directories that the new one merges with nevertheless, top first: an object made in it
 * may have to hide one of theirs
 */
export function closeNew(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  staged: EntryName,
): readonly RealDirectory[] {
  const { hiding, work } = union.writable();
  try {
    hiding.markOpaque(work.fd, staged);
    return [];
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP')) throw error;
  }
  const stack = lowerStack(union, dir, name);
  if (stack.length === 0) return stack;
  const fd = openDirectoryAt(work.fd, staged);
  try {
    for (const hidden of readStack(union, stack)) hiding.hide(fd, hidden.name);
    return stack;
  } finally {
    close(fd);
  }
}
