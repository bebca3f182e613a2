import type { EntryName, NodeId } from '../../core/brand.js';
import { FsError } from '../../core/errno.js';
import { DT_DIR } from '../../core/file-mode.js';
import type { DirectorySink, Entry } from '../../fuse/operations.js';
import { touchDirectory } from '../../sys/files/read-directory.js';
import { adoptFile, adoptStack } from '../lookup/lookup.js';
import { listingOf } from '../lookup/merge-directory.js';
import { DOT_COOKIE, DOT_DOT_COOKIE, type ListedEntry } from '../nodes/listing.js';
import type { DirectoryNode } from '../nodes/node.js';
import { statNode } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { handOut } from './entries.js';

const DOT = '.' as EntryName;
const DOT_DOT = '..' as EntryName;

/**
 * Lists `nodeid` after `cookie` until the sink is full. A removed directory is empty, as on any Linux file
 * system.
 */
export function readdir(
  union: Union,
  nodeid: NodeId,
  cookie: number,
  plus: boolean,
  sink: DirectorySink,
  isQuiet: boolean,
): void {
  const dir = union.nodes.directory(nodeid);
  if (dir.removed) return;
  if (cookie === 0 && !isQuiet) noteRead(union, dir);
  const add = (name: EntryName, ino: number, type: number, at: number): boolean => {
    if (!sink.fits(name.length)) return false;
    if (plus) sink.addPlus(name, ino, type, at, null);
    else sink.add(name, ino, type, at);
    return true;
  };
  if (cookie < DOT_COOKIE && !add(DOT, dir.ino, DT_DIR, DOT_COOKIE)) return;
  if (cookie < DOT_DOT_COOKIE && !add(DOT_DOT, (dir.parent ?? dir).ino, DT_DIR, DOT_DOT_COOKIE)) return;
  listingOf(union, dir, isQuiet).after(cookie, (listed) => {
    if (!plus) return add(listed.name, inoOf(dir, listed), listed.type, listed.cookie);
    if (!sink.fits(listed.name.length)) return false;
    // Listed, although nothing can be done with it (aufs, whose names end earlier than those of its
    // branches).
    if (listed.name.length > union.maxName) return add(listed.name, listed.ino, listed.type, listed.cookie);
    const entry = entryOf(union, dir, listed);
    if (entry === undefined) return add(listed.name, listed.ino, listed.type, listed.cookie);
    if (entry !== null) sink.addPlus(listed.name, entry.attr.ino, listed.type, listed.cookie, entry);
    return true;
  });
}

/**
 * Updates the access time of an upper directory whose listing comes from the cache. Costs one system call,
 * and only if the kernel has no cached listing: for the first listing, and after each change of the
 * directory.
 */
function noteRead(union: Union, dir: DirectoryNode): void {
  const { mode, directories } = union.accessTimes;
  if (dir.upper === null || mode === 'noatime' || !directories || union.listings.peek(dir) === undefined) return;
  touchDirectory(union.fds.get(dir.upper));
}

/** The number that stat would show: a living node knows it best. */
function inoOf(dir: DirectoryNode, { name, ino }: ListedEntry): number {
  return dir.children.get(name)?.ino ?? ino;
}

/**
 * What a lookup of the listed name gives, without searching the layers again; undefined where the lookup
 * fails: the name is listed without attributes, so that whoever asks for those is told why, and nobody else.
 */
function entryOf(union: Union, dir: DirectoryNode, listed: ListedEntry): Entry | null | undefined {
  try {
    return lookupListed(union, dir, listed);
  } catch (error) {
    if (error instanceof FsError) return undefined;
    throw error;
  }
}

function lookupListed(union: Union, dir: DirectoryNode, listed: ListedEntry): Entry | null | undefined {
  const { name, home, below, type } = listed;
  const { attr } = union.answer;
  const known = dir.children.get(name);
  if (known !== undefined) {
    statNode(union, known, attr);
    return handOut(union, known);
  }
  const presence = home.layer.reader.probe(union.fds.get(home), name, attr);
  // Gone behind our back: leave it out, as a lookup would not find it either.
  if (presence === 'absent') return null;
  // An attribute whiteout in a directory that does not say that it has any: listed, but a lookup does not
  // find it, and attributes given here would be taken for the answer of one.
  if (presence === 'whiteout') return undefined;
  const node =
    type === DT_DIR ? adoptStack(union, dir, name, home, below ?? [], attr) : adoptFile(union, dir, name, home, attr);
  return handOut(union, node);
}
