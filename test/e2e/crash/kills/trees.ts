/** Comparing what is shown after a kill with what may be shown. */
import type { Snapshot } from '../../../harness/snapshot.js';

/** What was made during the test has a time of the test's. */
const RECENT = /mtime=1[0-9]{9}\.\d+|mtime=[2-9][0-9]{9}\.\d+/;

/** The tree with times of the test's own as one word, so that two runs can be compared. */
export function timeless(tree: Snapshot): Snapshot {
  return Object.fromEntries(Object.entries(tree).map(([path, facts]) => [path, facts.replace(RECENT, 'mtime=now')]));
}

const CONTENT = / [0-9a-f]{16}$/;

/** The tree without what was read of files that say that they are empty. */
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
 * A directory's mtime moves with each change of what lies in it on the disk, and is set back by a call of its
 * own: in between it is the time of the change. No two calls are one, and the kernel's overlayfs does the
 * same (fs/overlayfs/copy_up.c:ovl_set_timestamps follows the rename).
 */
function same(shown: string | undefined, wanted: string | undefined, anyLinks: boolean): boolean {
  if (shown === wanted) return true;
  if (anyLinks && shown !== undefined) return same(withoutLinks(shown), withoutLinks(wanted ?? ''), false);
  if (shown === undefined || wanted === undefined) return false;
  return /^4\d{4} /.test(shown) && shown.includes('mtime=now') && withoutTime(shown) === withoutTime(wanted);
}

/**
 * Lines that tell the two trees apart; none: they are the same. @param anyLinks whatever the link counts are
 */
export function differences(shown: Snapshot, wanted: Snapshot, anyLinks = false): string[] {
  const paths = [...new Set([...Object.keys(shown), ...Object.keys(wanted)])].sort();
  return paths
    .filter((path) => !same(shown[path], wanted[path], anyLinks))
    .map((path) => `${path}: ${shown[path] ?? 'is not there'}, not ${wanted[path] ?? 'there at all'}`);
}
