/** Random layers with objects of each kind, determined by a seed. */
import {
  asEntry,
  dir,
  type Entry,
  type Facts,
  file,
  type Layers,
  linked,
  merge,
  opaqueDir,
  special,
  symlink,
  type Tree,
  whiteout,
} from '../../conformance/tree.js';
import type { Random } from '../../harness/random.js';
import * as sys from '../../harness/sys/index.js';

/** Few names, so that layers and operations often use the same name. */
export const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/**
 * Makes whiteouts and opaque directories only where lower layers have something to hide, as every writer of
 * layers does. How the kernel lists stray ones depends on its version.
 */
export function randomLayers(random: Random): Layers {
  const lower3 = randomTree(random, 3, {});
  const lower2 = randomTree(random, 3, lower3);
  const lower1 = randomTree(random, 3, merge([lower2, lower3]));
  const upper = randomTree(random, 2, merge([lower1, lower2, lower3]));
  return { upper, lower1, lower2, lower3 };
}

/** @param below the merged tree of the layers below, at the place of this tree */
function randomTree(random: Random, depth: number, below: Tree): Tree {
  const tree: Record<string, Entry> = {};
  for (const name of NAMES) {
    if (random.chance(65)) tree[name] = randomEntry(random, depth, below[name]);
  }
  return tree;
}

function randomEntry(random: Random, depth: number, below: Entry | string | undefined): Entry {
  const roll = random.int(100);
  const covered = below === undefined ? null : asEntry(below);
  if (depth > 0 && roll < 45) {
    const beneath = covered?.kind === 'directory' ? covered.entries : {};
    return dir(randomTree(random, depth - 1, beneath), facts(random, 0o777));
  }
  if (depth > 0 && covered?.kind === 'directory' && roll < 53) {
    return opaqueDir(randomTree(random, depth - 1, {}), facts(random, 0o777));
  }
  if (covered !== null && roll < 63) return whiteout;
  if (roll < 68) return symlink(random.pick(NAMES), { mtime: 1000 });
  if (roll < 71) return special(sys.S_IFIFO, 0, { mtime: 7000 });
  if (roll < 76) return linked('several names', `group${random.int(3)}`, { mode: 0o666, mtime: 5000 });
  return file('x'.repeat(random.int(9000)) + random.int(1000), facts(random, 0o666));
}

function facts(random: Random, mode: number): Facts {
  return {
    mode: random.chance(70) ? mode : mode & 0o755,
    ...(random.chance(30) ? { uid: sys.ALICE, gid: sys.STAFF } : {}),
    ...(random.chance(30) ? { xattrs: { 'user.layer': String(random.int(100)) } } : {}),
    mtime: 100_000 + random.int(100_000),
  };
}
