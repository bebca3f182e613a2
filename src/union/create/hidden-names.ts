/**
 * Finds the lower directories that an upper directory of the same name hides, or must hide when it is made.
 */
import type { EntryName } from '../../core/brand.js';
import { isErrno } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { close, openDirectoryAt } from '../../sys/files/open.js';
import { RealDirectory } from '../layers/layer.js';
import { LowerSearch } from '../lookup/lower-search.js';
import { readStack } from '../lookup/merge-directory.js';
import { nameInLayer } from '../lookup/name-in-layer.js';
import type { Location } from '../nodes/location.js';
import type { Union } from '../state/union.js';

const stat = new FileStat();

/**
 * The lower names that an upper directory at the place `at` would show if it were not opaque. Empty if no
 * lower layer has a directory there.
 */
export function lowerNamesIn(union: Union, at: Location): EntryName[] {
  const stack = lowerStack(union, at);
  try {
    return stack.length === 0 ? [] : readStack(union, stack).map((entry) => entry.name);
  } finally {
    for (const home of stack) union.fds.drop(home);
  }
}

/** The lower directories at a name, top first. */
function lowerStack(union: Union, { dir, name }: Location): RealDirectory[] {
  const lowest = dir.lowers.at(-1);
  for (const home of dir.lowers) {
    const presence = nameInLayer(union, home, name, stat, home === lowest);
    if (presence === 'absent') continue;
    if (presence === 'whiteout' || !isDirectory(stat.mode)) return [];
    const search = new LowerSearch(union, { dir, name, home, listed: null }, 'directory');
    return [new RealDirectory(home.layer, home, name), ...search.directories()];
  }
  return [];
}

/**
 * Makes sure that a new, empty directory shows no lower names when it is moved to the place `at`. The
 * directory has the name `staged` in the work directory. This function makes it opaque, or, on an upper
 * without xattrs, makes a whiteout in it for each lower name.
 * @returns the lower directories, top first, that the new directory merges with; none if it is opaque. A
 * directory with whiteouts still merges: an object can replace one of the whiteouts later, and when that
 * object is removed, the lower name must be hidden again
 */
export function hideLowerDirectories(union: Union, at: Location, staged: EntryName): readonly RealDirectory[] {
  const { hiding, work } = union.stack.writable();
  try {
    hiding.markOpaque(work.fd, staged);
    return [];
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP')) throw error;
  }
  const stack = lowerStack(union, at);
  if (stack.length === 0) return stack;
  const fd = openDirectoryAt(work.fd, staged);
  try {
    for (const hidden of readStack(union, stack)) hiding.hide(fd, hidden.name);
    return stack;
  } finally {
    close(fd);
  }
}
