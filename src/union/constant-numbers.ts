/**
 * The inode numbers of upper objects that were copied up, by whichever mount: those that the lower objects had, so that
 * they stay (fs/overlayfs/inode.c:ovl_getattr). What this mount has copied up it remembers; of the rest the copies tell.
 */
import type { EntryName } from '../core/brand.js';
import { displayName } from '../core/entry-name.js';
import { Errno, FsError, fsError } from '../core/errno.js';
import { DT_DIR, direntType, isRegular } from '../core/file-mode.js';
import { FileStat } from '../core/file-stat.js';
import { statAt } from '../sys/stat.js';
import { Descent } from './descent.js';
import type { RealDirectory } from './layer.js';
import type { ListedEntry } from './listing.js';
import type { DirectoryNode } from './node.js';
import type { Union } from './union.js';

const lower = new FileStat();

/**
 * The number of a file of the upper.
 * @param own the number of the file itself, with the file system's index
 * @param type as in a directory entry
 */
export function numberOfFile(union: Union, dir: DirectoryNode, name: EntryName, own: number, type: number): number {
  const kept = union.numbers.kept(own);
  if (kept !== undefined || !dir.impure || dir.upper === null) return kept ?? own;
  const { origin } = dir.upper.layer.reader.marks(union.fds.get(dir.upper), name);
  if (origin === null || !findLower(union, dir, name, origin)) return own;
  if (direntType(lower.mode) !== type && !mayStandIn(union)) {
    union.log(`${displayName(name)}: the lower file that it was copied from is of another type`);
    throw fsError(Errno.EIO, 'origin');
  }
  // Its other links, in the lower layer, have the number.
  if (lower.nlink > 1) return own;
  const number = union.numbers.own(lower.devMajor, lower.devMinor, lower.ino);
  union.numbers.keepNumber(own, number);
  return number;
}

/** Whether `lower`, as it physically is, may stand for an object of another kind. */
function mayStandIn(union: Union): boolean {
  return isRegular(lower.mode) && union.lowers.some(({ overrides }) => overrides !== null);
}

/** Fills `lower` with the stat of the file that `origin`, found on `name` of `dir`, says; false: not known. */
function findLower(union: Union, dir: DirectoryNode, name: EntryName, origin: Uint8Array): boolean {
  const { lowerFiles } = union;
  if (lowerFiles === null) return false;
  const result = lowerFiles.find(origin, lower);
  if (result !== 'barred') return result === 'found';
  // An ordinary user finds those that still have the name of their copy.
  for (const home of dir.lowers) {
    const dirfd = union.fds.get(home);
    if (home.layer.reader.probe(dirfd, name, lower) !== 'absent') {
      return lowerFiles.isOrigin(origin, home.layer, dirfd, name);
    }
  }
  return false;
}

/** The number of a directory that the upper has. @param below the topmost of its lower parts */
export function numberOfDirectory(union: Union, own: number, below: RealDirectory | undefined): number {
  const kept = union.numbers.kept(own);
  if (kept !== undefined || below === undefined || union.lowerFiles === null) return kept ?? own;
  const parent = below.parent as RealDirectory;
  return numberOfLower(union, own, parent, below.name);
}

function numberOfLower(union: Union, own: number, home: RealDirectory, name: EntryName): number {
  if (!statAt(union.fds.get(home), name, lower)) return own;
  return union.numbers.own(lower.devMajor, lower.devMinor, lower.ino);
}

/** Puts the numbers that stat will show into entries that have the objects' own ones. */
export function correctNumbers(union: Union, dir: DirectoryNode, entries: readonly ListedEntry[]): void {
  for (const entry of entries) {
    const kept = union.numbers.kept(entry.ino);
    if (kept !== undefined) entry.ino = kept;
    else if (entry.home.layer.isUpper && (dir.impure || entry.below !== null)) correct(union, dir, entry);
  }
}

function correct(union: Union, dir: DirectoryNode, entry: ListedEntry): void {
  const { name, ino, type } = entry;
  if (union.lowerFiles === null) return;
  try {
    entry.ino = type === DT_DIR ? listedDirectory(union, dir, entry) : numberOfFile(union, dir, name, ino, type);
  } catch (error) {
    // What is wrong with an object is said to whoever asks for it, not to those who list its directory.
    if (!(error instanceof FsError)) throw error;
  }
}

function listedDirectory(union: Union, dir: DirectoryNode, { name, ino, home, below }: ListedEntry): number {
  const step = new Descent(union, dir, home, name, below ?? [], 'directory').next();
  return step === null ? ino : numberOfLower(union, ino, step.home, step.name);
}
