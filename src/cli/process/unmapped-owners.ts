/** Owners that a user namespace does not map. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A warning if `root`, or an object directly below it, has an owner that the user namespace does not map;
 * otherwise null. Without the warning, the user sees only the misleading messages of programs (apt: "are you
 * root?").
 */
export function describeUnmappedOwners(root: string): string | null {
  const overflow = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
  const paths = [root, ...readdirSync(root).map((name) => join(root, name))];
  const unmapped = paths.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.uid === overflow);
  if (unmapped.length === 0) return null;
  return (
    `run: ${unmapped.length} of the ${paths.length} topmost objects of this tree belong to users outside of the user namespace ` +
    'and appear as nobody\'s: even root inside cannot change them (apt: "are you root?"); unpack the tree as the user who runs plyfs, or run plyfs as root'
  );
}
