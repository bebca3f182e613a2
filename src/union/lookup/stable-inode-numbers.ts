/**
 * Stable inode numbers: an upper object that was copied up, by this mount or an earlier one, shows the number
 * that its lower object had (fs/overlayfs/inode.c:ovl_getattr). The union remembers the numbers of its own
 * copy-ups. The marks of the copies lead to the others.
 */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, FsError, fsError } from '../../core/errno.js';
import { DT_DIR, direntType, isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { statAt } from '../../sys/files/stat.js';
import type { RealDirectory } from '../layers/layer.js';
import type { ListedEntry } from '../nodes/listing.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Identity, Union } from '../state/union.js';
import { directoryAt, LowerSearch } from './lower-search.js';

const lower = new FileStat();
const atPlace = new FileStat();

/** The own number of the real object in `home` with this stat, as if nothing had been copied up. */
export function ownNumber(identity: Identity, { layer }: RealDirectory, stat: FileStat): number {
  if (!layer.isUpper) return identity.numbers.ownOfLower(stat, layer, stat.ino);
  return identity.numbers.own(stat.devMajor, stat.devMinor, stat.ino);
}

/** The number to show for a file that is no copy of a lower one: a new file, or one in a lower layer. */
export function numberWithoutOrigin(identity: Identity, own: number): number {
  // All names of a group show the number of its copy.
  if (identity.links?.has(own) === true) return identity.numbers.kept(own) ?? own;
  return identity.numbers.ofLower(own);
}

/**
 * The number to show for a file of the upper. A copy shows the number of its lower file. Several files can be
 * marked as copies of one lower file, for instance if cp -a was used in an unmounted upper, and the lower
 * file can be visible too. The first of them that is looked up shows the number. The others show their own,
 * because programs take two names with one number for one file.
 * @param own the number of the file itself, with the file system's index
 * @param type as in a directory entry
 */
export function numberOfFile(union: Union, dir: DirectoryNode, name: EntryName, own: number, type: number): number {
  const kept = union.identity.numbers.kept(own);
  if (kept !== undefined || !dir.impure || dir.upper === null) return kept ?? own;
  const { origin } = dir.upper.layer.reader.marks(union.fds.get(dir.upper), name);
  const number = origin === null ? null : findLower(union, dir, name, origin, lower);
  if (number === null) return own;
  if (direntType(lower.mode) !== type && !canRepresentOther(union.stack, lower)) {
    union.log(`${displayName(name)}: the lower file that it was copied from is of another type`);
    throw fsError(Errno.EIO, 'origin');
  }
  // The other links of the lower file show its number.
  if (lower.nlink > 1) return own;
  // Its own number is remembered as well, so that it does not change when the other file is removed.
  const shown = isShownByOther(union, dir, name, own, number) ? own : number;
  union.identity.numbers.keepNumber(own, shown);
  return shown;
}

/** Whether another file shows `number`, that of the lower file from which `name` of `dir` was copied. */
function isShownByOther(union: Union, dir: DirectoryNode, name: EntryName, own: number, number: number): boolean {
  if (union.identity.numbers.isHeldByOther(number, own)) return true;
  return !hidesItsOrigin(union, dir, name, number) && union.nodes.hasLowerFile(number);
}

/** Whether the lower file is at `name` of `dir` too, so its copy hides it. */
function hidesItsOrigin(union: Union, dir: DirectoryNode, name: EntryName, number: number): boolean {
  return dir.lowers.some((home) => {
    if (!statAt(union.fds.get(home), name, atPlace)) return false;
    return union.identity.numbers.ownOfLower(atPlace, home.layer, atPlace.ino) === number;
  });
}

/**
 * Whether `xattr_permissions` can make a lower object with this physical stat represent one of another type.
 */
function canRepresentOther(stack: LayerStack, { mode }: FileStat): boolean {
  return isRegular(mode) && stack.lowers.some(({ overrides }) => overrides !== null);
}

/**
 * Finds the lower file to which `origin`, an attribute of `name` in `dir`, leads. Returns its number and
 * stores its stat in `into`; null if it is not found.
 */
function findLower(
  union: Union,
  dir: DirectoryNode,
  name: EntryName,
  origin: Uint8Array,
  into: FileStat,
): number | null {
  const { originHandles, numbers } = union.identity;
  if (originHandles === null) return null;
  const result = originHandles.find(origin, into);
  if (result === 'found') return numbers.own(into.devMajor, into.devMinor, into.ino);
  if (result !== 'not permitted') return null;
  // An ordinary user cannot open files by handle. But the lower file can have the same name as its copy.
  for (const home of dir.lowers) {
    const dirfd = union.fds.get(home);
    if (home.layer.reader.probe(dirfd, name, into) !== 'absent') {
      const isOrigin = originHandles.isOrigin(origin, home.layer, dirfd, name);
      return isOrigin ? numbers.ownOfLower(into, home.layer, into.ino) : null;
    }
  }
  return null;
}

/**
 * The number to show for a directory of the upper.
 * @param own the number of the upper directory itself
 * @param below the topmost of its lower parts
 * @param isMoved a redirect leads to its lower parts; the redirect of another directory can lead there too
 */
export function numberOfDirectory(
  union: Union,
  own: number,
  below: RealDirectory | undefined,
  isMoved: boolean,
): number {
  const { originHandles, numbers } = union.identity;
  const kept = numbers.kept(own);
  if (kept !== undefined || below === undefined || originHandles === null) return kept ?? own;
  const number = numberOfLower(union, own, below.parent as RealDirectory, below.name);
  const shown = numbers.isHeldByOther(number, own) ? own : number;
  if (isMoved || shown === own) numbers.keepNumber(own, shown);
  return shown;
}

function numberOfLower(union: Union, own: number, home: RealDirectory, name: EntryName): number {
  if (!statAt(union.fds.get(home), name, lower)) return own;
  return union.identity.numbers.ownOfLower(lower, home.layer, lower.ino);
}

/**
 * Replaces the own numbers of the objects in `entries` by those that stat shows.
 * @returns whether an entry of the upper shows, or may show, the number of a lower object
 */
export function correctNumbers(union: Union, dir: DirectoryNode, entries: readonly ListedEntry[]): boolean {
  let hasCopies = false;
  for (const entry of entries) {
    if (!entry.home.layer.isUpper) continue;
    const own = entry.ino;
    const kept = union.identity.numbers.kept(own);
    if (kept !== undefined) entry.ino = kept;
    else if ((dir.impure || entry.below !== null) && !correctEntry(union, dir, entry)) hasCopies = true;
    if (entry.ino !== own) hasCopies = true;
  }
  correctLowerNumbers(union.identity, entries);
  return hasCopies || union.identity.originHandles?.lacksPermission === true;
}

function correctLowerNumbers(identity: Identity, entries: readonly ListedEntry[]): void {
  if (!identity.numbers.keepsAny) return;
  // After the entries of the upper, because these can show the numbers of lower files.
  for (const entry of entries) {
    if (!entry.home.layer.isUpper && identity.links?.has(entry.ino) !== true)
      entry.ino = identity.numbers.ofLower(entry.ino);
  }
}

/** Sets the number of one entry of the upper. Returns false if the number cannot be found out. */
function correctEntry(union: Union, dir: DirectoryNode, entry: ListedEntry): boolean {
  const { name, ino, type } = entry;
  if (union.identity.originHandles === null) return true;
  try {
    entry.ino = type === DT_DIR ? listedDirectory(union, dir, entry) : numberOfFile(union, dir, name, ino, type);
    return true;
  } catch (error) {
    // A listing does not fail because of one damaged object. A lookup of the object does.
    if (!(error instanceof FsError)) throw error;
    return false;
  }
}

function listedDirectory(union: Union, dir: DirectoryNode, { name, ino, home, below }: ListedEntry): number {
  const search = new LowerSearch(union, { dir, name, home, listed: below ?? [] }, 'directory');
  const step = search.next(lower);
  if (step === null) return ino;
  return numberOfDirectory(union, ino, directoryAt(step), search.marks.redirect !== null);
}
