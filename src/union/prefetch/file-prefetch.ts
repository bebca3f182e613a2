/**
 * Reads ahead over the files of a directory. A process that reads them one after the other, in the order of
 * the listing (`grep -r`, `tar`, `find | xargs`), waits for the disk at each file: a small file is one read,
 * and the kernel reads ahead within a file only. So while no request waits, the server reads the beginning of
 * the next files into the page cache.
 *
 * Errors are ignored: the open of the file meets the same error and reports it.
 */
import { FsError } from '../../core/errno.js';
import { DT_REG } from '../../core/file-mode.js';
import { O_NONBLOCK, O_RDONLY } from '../../core/flags.js';
import { prefetch } from '../../sys/files/file-io.js';
import { close, tryOpenAt } from '../../sys/files/open.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import { cookieOf, type ListedEntry, type Listing } from '../nodes/listing.js';
import type { ListingCache } from '../nodes/listing-cache.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';

/** Bytes that are read of each file: as many as one READ at the default readahead. Most files are smaller. */
export const PREFETCHED_BYTES = 128 << 10;
/** After this many opens in the order of a listing, the next file is prefetched. */
const OPENS_IN_ORDER = 2;
/** How many files the prefetch is ahead of the reader: enough to keep a disk busy during one request. */
const AHEAD = 8;
/** How many entries are searched for the next regular file. */
const MAX_SEARCHED = 64;

export class FilePrefetch {
  /** How many opens in a row opened the next file of the directory. */
  private streak = 0;
  private dir: DirectoryNode | null = null;
  private listing: Listing | null = null;

  constructor(
    private readonly fds: DirectoryFds,
    private readonly listings: ListingCache,
  ) {}

  /** Notes that a file is opened for reading. Returns whether its beginning was prefetched. */
  opened(node: FileNode): boolean {
    const listing = node.parent === null ? undefined : this.listings.peek(node.parent);
    if (listing === undefined) {
      this.forget();
      return false;
    }
    const at = cookieOf(node.name);
    const before = listing.openedCookie;
    const isNext = nextFile(listing, before)?.cookie === at;
    // The first file of another directory neither makes nor breaks a pattern.
    if (!isNext) this.streak = 0;
    else if (before > 0) this.streak++;
    listing.openedCookie = at;
    const wasFetched = isNext && at <= listing.fetchedCookie;
    if (at > listing.fetchedCookie || !isNext) listing.fetchedCookie = at;
    this.dir = node.parent;
    this.listing = this.streak < OPENS_IN_ORDER ? null : listing;
    return wasFetched;
  }

  /** Prefetches one file. Returns false if there is no file to prefetch now. */
  prefetchNext(): boolean {
    const { dir, listing } = this;
    if (dir === null || listing === null) return false;
    // A listing that has left the cache is no longer up to date.
    const next = this.listings.peek(dir) === listing ? nextToPrefetch(listing) : null;
    if (next === null) {
      this.listing = null;
      return false;
    }
    listing.fetchedCookie = next.cookie;
    fetch(this.fds, next);
    return true;
  }

  private forget(): void {
    this.streak = 0;
    this.listing = null;
    this.dir = null;
  }
}

/** The first regular file after `cookie`. */
function nextFile(listing: Listing, cookie: number): ListedEntry | null {
  let found: ListedEntry | null = null;
  let left = MAX_SEARCHED;
  listing.after(cookie, (entry) => {
    if (entry.type === DT_REG) found = entry;
    return found === null && --left > 0;
  });
  return found;
}

/** The next file to prefetch; null if the prefetch is far enough ahead of the reader. */
function nextToPrefetch(listing: Listing): ListedEntry | null {
  let files = 0;
  let found: ListedEntry | null = null;
  let left = MAX_SEARCHED;
  listing.after(listing.openedCookie, (entry) => {
    if (entry.type === DT_REG) {
      if (entry.cookie > listing.fetchedCookie) found = entry;
      files++;
    }
    return found === null && files < AHEAD && --left > 0;
  });
  return found;
}

function fetch(fds: DirectoryFds, { home, name }: ListedEntry): void {
  let fd: number;
  try {
    fd = tryOpenAt(fds.get(home), name, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    // The directory cannot be opened; the open of the file will report it.
    if (error instanceof FsError) return;
    throw error;
  }
  if (fd < 0) return;
  prefetch(fd, 0, PREFETCHED_BYTES);
  close(fd);
}
