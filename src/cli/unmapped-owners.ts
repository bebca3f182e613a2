/** Owners that a user namespace has no ids for. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What there is to say of a tree whose owners are unknown here, by its topmost directories; null: nothing. Programs that look who owns
 * them say something else (apt: "are you root?").
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
