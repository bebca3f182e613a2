/** A whole tree as a record of facts, so that two trees can be compared. */
import { createHash } from 'node:crypto';
import * as sys from './sys/index.js';

export interface SnapshotOptions {
  /**
   * Facts to leave out because two file systems can differ in them even when the trees are equal. Default:
   * none.
   */
  readonly without?: readonly ('mtime' | 'nlink')[];
  /** True: times are rounded to milliseconds. */
  readonly coarseTimes?: boolean;
  /** True: names of one file are recorded, by inode number. */
  readonly links?: boolean;
  /** True: names that are listed but not found are left out. */
  readonly withoutGhosts?: boolean;
}

/** Maps each path to one line: type, mode, owner, size, mtime, links of files, xattrs, content or target. */
export type Snapshot = Readonly<Record<string, string>>;

export function snapshot(root: string, options: SnapshotOptions = {}): Snapshot {
  const facts: Record<string, string> = {};
  visit(root, '', { facts, firstNames: new Map() }, options);
  return facts;
}

interface Seen {
  readonly facts: Record<string, string>;
  /** Maps an inode number to the first name that was found for it. */
  readonly firstNames: Map<number, string>;
}

function visit(root: string, relative: string, seen: Seen, options: SnapshotOptions): void {
  const path = `${root}/${relative}`;
  const stat = sys.lstat(path);
  const first = seen.firstNames.get(stat.ino) ?? relative;
  seen.firstNames.set(stat.ino, first);
  const same = options.links === true && first !== relative ? ` same as ${first}` : '';
  seen.facts[relative === '' ? '.' : relative] = describe(path, stat, options) + same;
  if (!sys.isDirectory(stat.mode)) return;
  const fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY);
  const names = sys.getdentsToEnd(fd).map(({ name }) => name);
  sys.close(fd);
  for (const name of names.sort()) {
    const child = relative === '' ? name : `${relative}/${name}`;
    if (name === '.' || name === '..' || (options.withoutGhosts && isGhost(`${root}/${child}`))) continue;
    visit(root, child, seen, options);
  }
}

function isGhost(path: string): boolean {
  return sys.outcome(() => sys.lstat(path)) === 'ENOENT';
}

function describe(path: string, stat: sys.Stat, { without = [], coarseTimes = false }: SnapshotOptions): string {
  const directory = sys.isDirectory(stat.mode);
  const parts = [stat.mode.toString(8), `${stat.uid}:${stat.gid}`];
  // The size and link count of a directory depend on its file system.
  if (!directory) parts.push(`size=${stat.size}`);
  if (!directory && !without.includes('nlink')) parts.push(`nlink=${stat.nlink}`);
  if (!without.includes('mtime'))
    parts.push(
      `mtime=${stat.mtime.sec}.${String(stat.mtime.nsec)
        .padStart(9, '0')
        .slice(0, coarseTimes ? 3 : 9)}`,
    );
  if (stat.rdev !== '0:0') parts.push(`rdev=${stat.rdev}`);
  for (const name of sys.listxattr(path)) {
    parts.push(`${name}=${sys.getxattr(path, name).toString('hex')}`);
  }
  if (sys.isRegular(stat.mode)) parts.push(createHash('sha256').update(readBytes(path)).digest('hex').slice(0, 16));
  if (sys.isSymlink(stat.mode)) parts.push(`-> ${sys.readlink(path)}`);
  return parts.join(' ');
}

function readBytes(path: string): Buffer {
  return Buffer.from(sys.readFile(path), 'latin1');
}
