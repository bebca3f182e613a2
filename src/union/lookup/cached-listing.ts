/** The listings of merged directories, which the union caches and keeps up to date. */
import type { EntryName } from '../../core/brand.js';
import type { RealDirectory } from '../layers/layer.js';
import { cookieOf, Listing } from '../nodes/listing.js';
import type { ListingCache } from '../nodes/listing-cache.js';
import type { DirectoryNode, UnionNode } from '../nodes/node.js';
import { unmarkImpure } from '../promote/impure-mark.js';
import type { Union } from '../state/union.js';
import { readMerged } from './merge-directory.js';
import { correctNumbers } from './stable-inode-numbers.js';

/**
 * The listing of `dir`, from the cache or from disk.
 * @param noatime the access time of the upper directory must not change
 */
export function listingOf(union: Union, dir: DirectoryNode, noatime = false): Listing {
  let listing = union.caches.listings.get(dir);
  if (listing === undefined) {
    union.caches.treePrefetch.noteListing(dir);
    const entries = readMerged(union, dir, noatime);
    const hasCopies = correctNumbers(union, dir, entries);
    if (dir.impure && !hasCopies && !dir.isMerged) unmarkImpure(union, dir);
    listing = new Listing(entries);
    union.caches.listings.set(dir, listing);
  }
  return listing;
}

/** Whether the merged directory has no entries. The access time of the upper directory does not change. */
export function isEmpty(union: Union, dir: DirectoryNode): boolean {
  let empty = true;
  listingOf(union, dir, true).after(0, () => {
    empty = false;
    return false;
  });
  return empty;
}

/** Adds a new name of `dir` to its cached listing. */
export function addToListing(
  listings: ListingCache,
  dir: DirectoryNode,
  name: EntryName,
  entry: { readonly ino: number; readonly type: number; readonly home: RealDirectory },
): void {
  const listing = listings.peek(dir);
  listing?.add({ ...entry, name, cookie: cookieOf(name), below: null, removed: false });
}

/**
 * Drops the cached listing of `dir` when a copy of a lower object leaves it. The copy may have been the last
 * one in `dir`. The next listing, read from disk, finds that out, and removes the mark of a directory that
 * contains copies (`unmarkImpure`).
 */
export function recheckCopies(listings: ListingCache, dir: DirectoryNode, node: UnionNode): void {
  if (!dir.impure || dir.isMerged) return;
  const isCopy = node.kind === 'directory' ? node.lowers.length > 0 : node.isCopy;
  if (isCopy) listings.delete(dir);
}

/** Removes a name of `dir` from its cached listing. */
export function removeFromListing(listings: ListingCache, dir: DirectoryNode, name: EntryName): void {
  listings.peek(dir)?.remove(name);
}
