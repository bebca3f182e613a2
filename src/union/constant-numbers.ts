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
import { RealDirectory } from './layer.js';
import type { ListedEntry } from './listing.js';
import type { DirectoryNode } from './node.js';
import type { Union } from './union.js';

const lower = new FileStat();
const atPlace = new FileStat();

/**
 * The number of a file of the upper. Several can say that they are copies of one lower file, such as those that cp -a has made in an
 * upper that was not mounted, and the lower file can show as well. The first that is asked for shows the number, and the
 * others show their own: programs take two names with one number for one file.
 * @param own the number of the file itself, with the file system's index
 * @param type as in a directory entry
 */
export function numberOfFile(union: Union, dir: DirectoryNode, name: EntryName, own: number, type: number): number {
  const kept = union.numbers.kept(own);
  if (kept !== undefined || !dir.impure || dir.upper === null) return kept ?? own;
  const { origin } = dir.upper.layer.reader.marks(union.fds.get(dir.upper), name);
  const number = origin === null ? null : findLower(union, dir, name, origin);
  if (number === null) return own;
  if (direntType(lower.mode) !== type && !mayStandIn(union)) {
    union.log(`${displayName(name)}: the lower file that it was copied from is of another type`);
    throw fsError(Errno.EIO, 'origin');
  }
  // Its other links, in the lower layer, have the number.
  if (lower.nlink > 1) return own;
  // A number of its own is kept as well: it stays when what shows the other one goes.
  const shown = isShownByOther(union, dir, name, own, number) ? own : number;
  union.numbers.keepNumber(own, shown);
  return shown;
}

/** Whether something else shows the number of the lower file of which `name` of `dir` says that it is a copy. */
function isShownByOther(union: Union, dir: DirectoryNode, name: EntryName, own: number, number: number): boolean {
  if (union.numbers.isHeldByOther(number, own)) return true;
  return !hidesItsOrigin(union, dir, name, number) && union.nodes.hasLowerFile(number);
}

/** Whether a copy has the place of its lower file, which so does not show. */
function hidesItsOrigin(union: Union, dir: DirectoryNode, name: EntryName, number: number): boolean {
  return dir.lowers.some((home) => {
    if (!statAt(union.fds.get(home), name, atPlace)) return false;
    return union.numbers.ownOfLower(atPlace, home.layer, atPlace.ino) === number;
  });
}

/** Whether `lower`, as it physically is, may stand for an object of another kind. */
function mayStandIn(union: Union): boolean {
  return isRegular(lower.mode) && union.lowers.some(({ overrides }) => overrides !== null);
}

/** Fills `lower` with the stat of the file that `origin`, found on `name` of `dir`, says, and returns its number; null: not known. */
function findLower(union: Union, dir: DirectoryNode, name: EntryName, origin: Uint8Array): number | null {
  const { lowerFiles, numbers } = union;
  if (lowerFiles === null) return null;
  const result = lowerFiles.find(origin, lower);
  if (result === 'found') return numbers.own(lower.devMajor, lower.devMinor, lower.ino);
  if (result !== 'barred') return null;
  // An ordinary user finds those that still have the name of their copy.
  for (const home of dir.lowers) {
    const dirfd = union.fds.get(home);
    if (home.layer.reader.probe(dirfd, name, lower) !== 'absent') {
      const isOrigin = lowerFiles.isOrigin(origin, home.layer, dirfd, name);
      return isOrigin ? numbers.ownOfLower(lower, home.layer, lower.ino) : null;
    }
  }
  return null;
}

/**
 * The number of a directory that the upper has.
 * @param below the topmost of its lower parts
 * @param isMoved a redirect leads to these; so can that of another directory
 */
export function numberOfDirectory(
  union: Union,
  own: number,
  below: RealDirectory | undefined,
  isMoved: boolean,
): number {
  const { numbers } = union;
  const kept = numbers.kept(own);
  if (kept !== undefined || below === undefined || union.lowerFiles === null) return kept ?? own;
  const number = numberOfLower(union, own, below.parent as RealDirectory, below.name);
  const shown = numbers.isHeldByOther(number, own) ? own : number;
  if (isMoved || shown === own) numbers.keepNumber(own, shown);
  return shown;
}

function numberOfLower(union: Union, own: number, home: RealDirectory, name: EntryName): number {
  if (!statAt(union.fds.get(home), name, lower)) return own;
  return union.numbers.ownOfLower(lower, home.layer, lower.ino);
}

/**
 * Puts the numbers that stat will show into entries that have the objects' own ones.
 * @returns whether an entry of the upper shows the number of a lower object, as far as can be said
 */
export function correctNumbers(union: Union, dir: DirectoryNode, entries: readonly ListedEntry[]): boolean {
  let hasCopies = false;
  for (const entry of entries) {
    if (!entry.home.layer.isUpper) continue;
    const own = entry.ino;
    const kept = union.numbers.kept(own);
    if (kept !== undefined) entry.ino = kept;
    else if ((dir.impure || entry.below !== null) && !correct(union, dir, entry)) hasCopies = true;
    if (entry.ino !== own) hasCopies = true;
  }
  correctLowerNumbers(union, entries);
  return hasCopies || union.lowerFiles?.isBarred === true;
}

function correctLowerNumbers(union: Union, entries: readonly ListedEntry[]): void {
  if (!union.numbers.keepsAny) return;
  // After those of the upper, which may show numbers of lower files from now on.
  for (const entry of entries) {
    if (!entry.home.layer.isUpper && union.links?.has(entry.ino) !== true) entry.ino = union.numbers.ofLower(entry.ino);
  }
}

/** False: it cannot be said which number the entry shows. */
function correct(union: Union, dir: DirectoryNode, entry: ListedEntry): boolean {
  const { name, ino, type } = entry;
  if (union.lowerFiles === null) return true;
  try {
    entry.ino = type === DT_DIR ? listedDirectory(union, dir, entry) : numberOfFile(union, dir, name, ino, type);
    return true;
  } catch (error) {
    // What is wrong with an object is said to whoever asks for it, not to those who list its directory.
    if (!(error instanceof FsError)) throw error;
    return false;
  }
}

function listedDirectory(union: Union, dir: DirectoryNode, { name, ino, home, below }: ListedEntry): number {
  const descent = new Descent(union, dir, home, name, below ?? [], 'directory');
  const step = descent.next();
  if (step === null) return ino;
  const part = new RealDirectory(step.home.layer, step.home, step.name);
  return numberOfDirectory(union, ino, part, descent.marks.redirect !== null);
}
