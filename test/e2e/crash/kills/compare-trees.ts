/** Compares a tree shown after a kill with a tree that is allowed. */
import type { Snapshot } from '../../../harness/snapshot.js';

/** The times of objects that were made during the test. */
const RECENT = /mtime=1[0-9]{9}\.\d+|mtime=[2-9][0-9]{9}\.\d+/;

/** Replaces times during the test by one word, so that two runs can be compared. */
export function timeless(tree: Snapshot): Snapshot {
  return Object.fromEntries(Object.entries(tree).map(([path, facts]) => [path, facts.replace(RECENT, 'mtime=now')]));
}

const CONTENT = / [0-9a-f]{16}$/;

/** Removes the content hash of files whose size is 0. */
export function emptyBySize(tree: Snapshot): Snapshot {
  const facts = Object.entries(tree).map(([path, line]) => [
    path,
    line.includes(' size=0 ') ? line.replace(CONTENT, '') : line,
  ]);
  return Object.fromEntries(facts);
}

const withoutLinks = (facts: string): string => facts.replace(/ nlink=\d+/, '');
const withoutTime = (facts: string): string => facts.replace(/ mtime=\S+/, '');

/**
 * A change of an entry on the disk changes the directory's mtime, and a second call restores it. A kill
 * between the two calls leaves the time of the change. The kernel's overlayfs does the same
 * (fs/overlayfs/copy_up.c:ovl_set_timestamps follows the rename).
 */
function same(shown: string | undefined, wanted: string | undefined, anyLinks: boolean): boolean {
  if (shown === wanted) return true;
  if (anyLinks && shown !== undefined) return same(withoutLinks(shown), withoutLinks(wanted ?? ''), false);
  if (shown === undefined || wanted === undefined) return false;
  return /^4\d{4} /.test(shown) && shown.includes('mtime=now') && withoutTime(shown) === withoutTime(wanted);
}

/**
 * Returns a line for each path in which the trees differ.
 * @param anyLinks true: link counts are ignored
 */
export function differences(shown: Snapshot, wanted: Snapshot, anyLinks = false): string[] {
  const paths = [...new Set([...Object.keys(shown), ...Object.keys(wanted)])].sort();
  return paths
    .filter((path) => !same(shown[path], wanted[path], anyLinks))
    .map((path) => `${path}: ${shown[path] ?? 'absent'}, expected ${wanted[path] ?? 'absent'}`);
}
