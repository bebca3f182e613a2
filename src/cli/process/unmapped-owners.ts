/** Owners that a user namespace has no ids for. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A warning if objects directly below `root` have owners that the user namespace does not map; else null.
 * Without it, programs fail there with misleading messages (apt: "are you root?").
 */
export function describeUnmappedOwners(root: string): string | null {
  const overflow = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'));
  const paths = [root, ...readdirSync(root).map((name) => join(root, name))];
  const unmapped = paths.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.uid === overflow);
  if (unmapped.length === 0) return null;
  return (
    `run: ${unmapped.length} of the ${paths.length} topmost objects of this tree belong to users outside of the user namespace, ` +
    'and are shown as nobody\'s: even its root cannot change them (apt: "are you root?"); unpack the tree as the user who runs it, or run plyfs as root'
  );
}
