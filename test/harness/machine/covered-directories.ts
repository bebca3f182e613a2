/**
 * Shell commands that make directories of the machine empty for one test: in a mount namespace of the test, a
 * tmpfs covers each of them. The directories that the test itself needs (the checkout, the directory for
 * scratch files) can be below a covered directory and stay reachable.
 */
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { CHECKOUT } from '../checkout.js';

/** Paths that every test needs: the program, and the directory of its scratch files. */
export function neededByTests(): string[] {
  return [CHECKOUT, process.env.PLYFS_TEST_DIR ?? tmpdir()].map((path) => realpathSync(path));
}

/**
 * Returns lines of sh(1) that cover `places`, in a mount namespace of the script's own. Directories of
 * `needed` below them are mounted again at the same paths.
 * @param needed absolute paths without symlinks; at most six can be below a place
 */
export function coverDirectories(places: readonly string[], needed: readonly string[] = neededByTests()): string {
  const hidden = needed.filter((path) => places.some((place) => `${path}/`.startsWith(`${place}/`)));
  if (hidden.length > 6) throw new Error('sh(1) has no more descriptors than 3 to 9, and 3 is left to the script');
  // A descriptor leads to its directory also when that is covered; mount(8) must not turn it into a path
  // first.
  const opened = hidden.map((path, i) => `exec ${i + 4}<${quoted(path)}`);
  const covered = places.map((place) => `mount -t tmpfs -o mode=755 tmpfs ${quoted(place)}`);
  const shown = hidden.map((path, i) => {
    const bind = `mount --no-canonicalize --bind /proc/self/fd/${i + 4} ${quoted(path)}`;
    return `mkdir -p ${quoted(path)}; ${bind}; exec ${i + 4}<&-`;
  });
  return [...opened, ...covered, ...shown].join('\n');
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
