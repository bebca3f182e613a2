import type { EntryName, NodeId } from '../../core/brand.js';
import { FsError } from '../../core/errno.js';
import { DT_DIR } from '../../core/file-mode.js';
import type { DirectorySink, Entry, ListingOptions } from '../../fuse/operations.js';
import { touchDirectory } from '../../sys/files/read-directory.js';
import { listingOf } from '../lookup/cached-listing.js';
import { nodeOfDirectory } from '../lookup/directory-node.js';
import { nodeOfFile } from '../lookup/file-node.js';
import { DOT_COOKIE, DOT_DOT_COOKIE, type ListedEntry } from '../nodes/listing.js';
import type { DirectoryNode } from '../nodes/node.js';
import { statNode } from '../objects/real-object.js';
import type { Union } from '../state/union.js';
import { countedEntry } from './entries.js';

const DOT = '.' as EntryName;
const DOT_DOT = '..' as EntryName;

/**
 * Lists the directory `nodeid`, from the entry after `cookie` on, until the sink is full. A removed directory
 * is empty, as on any Linux file system.
 */
export function readdir(
  union: Union,
  nodeid: NodeId,
  cookie: number,
  sink: DirectorySink,
  { plus, noatime, keepsAttributes = false }: ListingOptions,
): void {
  const dir = union.nodes.directory(nodeid);
  if (dir.removed) return;
  if (cookie === 0 && !noatime) updateAccessTime(union, dir);
  const add = (name: EntryName, ino: number, type: number, entryCookie: number): boolean => {
    if (!sink.fits(name.length)) return false;
    if (plus) sink.addPlus(name, ino, type, entryCookie, null);
    else sink.add(name, ino, type, entryCookie);
    return true;
  };
  if (cookie < DOT_COOKIE && !add(DOT, dir.ino, DT_DIR, DOT_COOKIE)) return;
  if (cookie < DOT_DOT_COOKIE && !add(DOT_DOT, (dir.parent ?? dir).ino, DT_DIR, DOT_DOT_COOKIE)) return;
  listingOf(union, dir, noatime).after(cookie, (listed) => {
    if (!plus) return add(listed.name, inoOf(dir, listed), listed.type, listed.cookie);
    if (!sink.fits(listed.name.length)) return false;
    // A name that a branch of aufs allows, but aufs itself does not: it is listed, but no lookup finds it.
    if (listed.name.length > union.stack.maxName) return add(listed.name, listed.ino, listed.type, listed.cookie);
    const entry = keepsAttributes && isKept(dir, listed.name) ? undefined : entryOf(union, dir, listed);
    if (entry === undefined) return add(listed.name, inoOf(dir, listed), listed.type, listed.cookie);
    if (entry !== null) sink.addPlus(listed.name, entry.attr.ino, listed.type, listed.cookie, entry);
    return true;
  });
}

/**
 * Updates the access time of an upper directory whose listing is in the server's cache, by one system call.
 * If the listing is not in the cache, reading it from disk updates the time. By default the kernel caches
 * listings too, and then this function runs only if the kernel has dropped its own.
 */
function updateAccessTime(union: Union, dir: DirectoryNode): void {
  const { mode, directories } = union.options.accessTimes;
  if (dir.upper === null || mode === 'noatime' || !directories || union.caches.listings.peek(dir) === undefined) return;
  touchDirectory(union.fds.get(dir.upper));
}

/**
 * Whether the kernel has the attributes of the entry already: it has looked it up, and no layer but the upper
 * changes. git(1) lists each directory after it has looked up all its files. If the kernel has dropped the
 * name since, it looks it up again.
 */
function isKept(dir: DirectoryNode, name: EntryName): boolean {
  const known = dir.children.get(name);
  if (known === undefined || known.nlookup === 0) return false;
  return known.kind === 'directory' ? known.upper === null : !known.isUpper;
}

/** The inode number that stat shows. If the entry has a node, that is the node's. */
function inoOf(dir: DirectoryNode, { name, ino }: ListedEntry): number {
  return dir.children.get(name)?.ino ?? ino;
}

/**
 * The entry that a lookup of the listed name returns, found without a search of the layers. null: a lookup
 * finds nothing, and the name is not listed. undefined: a lookup fails. The listing then has the name
 * without attributes and does not fail; a later request for the attributes does.
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
    return countedEntry(union, known);
  }
  const presence = home.layer.reader.probe(union.fds.get(home), name, attr);
  // The entry was removed from the layer behind the union's back.
  if (presence === 'absent') return null;
  // An xattr whiteout, in a directory without the mark that it has such whiteouts. The name is listed, but a
  // lookup does not find it. If this returned attributes, the kernel would use them instead of a lookup.
  if (presence === 'whiteout') return undefined;
  const node =
    type === DT_DIR
      ? nodeOfDirectory(union, { dir, name, home, listed: below ?? [] }, attr)
      : nodeOfFile(union, dir, name, home, attr);
  return countedEntry(union, node);
}
