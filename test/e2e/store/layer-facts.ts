/** The properties of a layer that a conversion must keep, as plain data. */
import { type Snapshot, snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';

export interface LayerFacts {
  /** Path → type, mode, owner, size, times, links, xattrs, content. */
  readonly objects: Snapshot;
  /** Paths that are one inode, several to a group. */
  readonly linkGroups: readonly (readonly string[])[];
  /** Path → blocks of regular files. */
  readonly blocks: Readonly<Record<string, number>>;
}

/** Matches a character device 0:0: a snapshot contains the number of every other device. */
const WHITEOUT = /^2\d{4} .*nlink=(?!.* rdev=)/;

/** @param ignore selects paths that are left out */
export function factsOf(root: string, ignore: (path: string) => boolean = () => false): LayerFacts {
  const counted = Object.entries(snapshot(root)).filter(([path]) => !ignore(path));
  // Times and owner of a whiteout have no meaning.
  const objects = Object.fromEntries(counted.map(([path, facts]) => [path, WHITEOUT.test(facts) ? 'whiteout' : facts]));
  const byInode = new Map<number, string[]>();
  const blocks: Record<string, number> = {};
  for (const path of Object.keys(objects)) {
    const stat = sys.lstat(`${root}/${path}`);
    if (sys.isDirectory(stat.mode)) continue;
    byInode.set(stat.ino, [...(byInode.get(stat.ino) ?? []), path]);
    if (sys.isRegular(stat.mode)) blocks[path] = stat.blocks;
  }
  const linkGroups = [...byInode.values()].filter((group) => group.length > 1).map((group) => group.sort());
  return { objects, linkGroups: linkGroups.sort((a, b) => (`${a}` < `${b}` ? -1 : 1)), blocks };
}
