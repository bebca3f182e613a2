import { LRUCache } from 'lru-cache';
import type { Listing } from './listing.js';
import type { DirectoryNode } from './node.js';

/** How many directory entries all cached listings together can have. */
const MAX_LISTED = 100_000;

/** Merged listings of directories that have a node. */
export type ListingCache = LRUCache<DirectoryNode, Listing>;

export function newListingCache(): ListingCache {
  return new LRUCache({
    maxSize: MAX_LISTED,
    // A listing that is larger than the cache is cached alone. Otherwise each READDIR would read the whole
    // directory again.
    sizeCalculation: ({ size }) => Math.min(size + 1, MAX_LISTED),
  });
}
