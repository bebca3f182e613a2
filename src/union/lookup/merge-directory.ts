/**
 * Reads the real directories of a merged one into one listing (fs/overlayfs/readdir.c:ovl_dir_read_merged).
 */
import type { EntryName } from '../../core/brand.js';
import { DT_DIR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statFd } from '../../sys/files/stat.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { Layer, RealDirectory } from '../layers/layer.js';
import { cookieOf, type ListedEntry } from '../nodes/listing.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';

/**
 * Reads the entries of `dir`, with the inode numbers of the real objects, without regard to copy-ups
 * (`InodeNumbers.own`).
 * @param noatime the access time of the upper directory must not change
 */
export function readMerged(union: Union, dir: DirectoryNode, noatime: boolean): ListedEntry[] {
  if (dir.isMerged) return readStack(union, dir.upper === null ? dir.lowers : [dir.upper, ...dir.lowers], noatime);
  const entries: ListedEntry[] = [];
  const add = (name: EntryName, ino: number, type: number): void => {
    entries.push(entryOf(dir.top, name, ino, type));
  };
  readLayer(union, dir.top, add, null, noatime);
  return entries;
}

/** The merged entries of several real directories, top first. */
export function readStack(union: Union, stack: readonly RealDirectory[], noatime = false): ListedEntry[] {
  const entries: ListedEntry[] = [];
  /**
   * Maps each name that was found so far to its entry. null: a whiteout hides the name in the layers below.
   */
  const seen = new Map<EntryName, ListedEntry | null>();
  /** Names of directories that do not merge with the layers below. */
  const closed = new Set<EntryName>();
  for (const home of stack) {
    const whiteouts: EntryName[] = [];
    const add = (name: EntryName, ino: number, type: number): void => {
      const above = seen.get(name);
      if (above === undefined) {
        const entry = entryOf(home, name, ino, type);
        entries.push(entry);
        seen.set(name, entry);
      } else if (above !== null && above.type === DT_DIR && !closed.has(name)) {
        if (type === DT_DIR) {
          above.below ??= [];
          above.below.push(home);
        } else closed.add(name);
      }
    };
    readLayer(union, home, add, whiteouts, noatime);
    // After the layer's own entries: a whiteout hides objects of the layers below, never those of its own
    // layer.
    for (const name of whiteouts) {
      if (seen.has(name)) closed.add(name);
      else seen.set(name, null);
    }
  }
  return entries;
}

function readLayer(
  union: Union,
  home: RealDirectory,
  add: (name: EntryName, ino: number, type: number) => void,
  whiteouts: EntryName[] | null,
  noatime: boolean,
): void {
  const { layer } = home;
  const list = (fd: number): void => {
    const place = placeOf(layer, fd);
    const entry = (name: EntryName, ino: number, type: number): void =>
      add(name, union.identity.numbers.ownOfLower(place, layer, ino), type);
    layer.reader.list(fd, { entry, whiteout: (name) => whiteouts?.push(name) }, home);
  };
  if (noatime && layer.isUpper) union.fds.withNoatimeFd(home, list);
  else union.fds.withListableFd(home, list);
}

/**
 * The device and mount that the inode numbers in a listing of `fd` belong to: another file system can be
 * mounted on the directory.
 */
function placeOf(layer: Layer, fd: number): Layer | FileStat {
  if (layer.isUpper || !layer.showsMounts) return layer;
  const stat = new FileStat();
  statFd(fd, stat);
  return stat;
}

function entryOf(home: RealDirectory, name: EntryName, ino: number, type: number): ListedEntry {
  return {
    name,
    cookie: cookieOf(name),
    ino,
    type,
    home,
    below: null,
    removed: false,
  };
}

/** Whether the lower parts of `dir` have no entries on disk, not even whiteouts. */
export function lowersAreBare(fds: DirectoryFds, dir: DirectoryNode): boolean {
  let bare = true;
  for (const home of dir.lowers) {
    fds.withListableFd(home, (fd) => {
      readDirectory(fd, () => {
        bare = false;
      });
    });
  }
  return bare;
}
