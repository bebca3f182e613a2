/**
 * Who reads the files of a directory one after the other, in the order of its listing (`grep -r`, `tar`,
 * `find | xargs`), waits for the disk at each of them: a small file is one read, and the kernel reads ahead
 * within files, not over several. So while such a reader is at work, the files that come next are brought
 * into the page cache, in moments when no request waits.
 *
 * It is a guess that costs a few system calls: whatever fails in it is met again, and reported, by whoever
 * opens the file.
 */
import { FsError } from '../../core/errno.js';
import { DT_REG } from '../../core/file-mode.js';
import { O_NONBLOCK, O_RDONLY } from '../../core/flags.js';
import { prefetch } from '../../sys/files/file-io.js';
import { close, tryOpenAt } from '../../sys/files/open.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import { cookieOf, type ListedEntry, type Listing } from '../nodes/listing.js';
import type { DirectoryNode, FileNode } from '../nodes/node.js';

/** As much as one READ asks for at the default readahead; nearly all files are smaller. */
export const PREFETCH = 128 << 10;
/** After so many opens in the order of a listing the next one is expected to be so, too. */
const PATTERN = 2;
/** How many files to be ahead of the reader: what a disk can be busy with while one request is answered. */
const AHEAD = 8;
/** Among so many entries a regular file is looked for. */
const REACH = 64;

/** The listings that are kept, and kept up to date. */
interface Listings {
  peek(dir: DirectoryNode): Listing | undefined;
}

export class FilePrefetch {
  /** How many opens in a row were of the file that was next in its directory. */
  private streak = 0;
  private dir: DirectoryNode | null = null;
  private listing: Listing | null = null;

  constructor(
    private readonly fds: DirectoryFds,
    private readonly listings: Listings,
  ) {}

  /** A file is about to be opened for reading. Returns whether its beginning has been fetched. */
  opened(node: FileNode): boolean {
    const listing = node.parent === null ? undefined : this.listings.peek(node.parent);
    if (listing === undefined) {
      this.forget();
      return false;
    }
    const at = cookieOf(node.name);
    const before = listing.openedTo;
    const isNext = nextFile(listing, before)?.cookie === at;
    // The first file of another directory neither makes nor breaks a pattern.
    if (!isNext) this.streak = 0;
    else if (before > 0) this.streak++;
    listing.openedTo = at;
    const wasFetched = isNext && at <= listing.fetchedTo;
    if (at > listing.fetchedTo || !isNext) listing.fetchedTo = at;
    this.dir = node.parent;
    this.listing = this.streak < PATTERN ? null : listing;
    return wasFetched;
  }

  /** Fetches the beginning of one file; false: there is none to be fetched now. */
  act(): boolean {
    const { dir, listing } = this;
    if (dir === null || listing === null) return false;
    // A listing that is kept no more is not kept up to date either.
    const next = this.listings.peek(dir) === listing ? ahead(listing) : null;
    if (next === null) {
      this.listing = null;
      return false;
    }
    listing.fetchedTo = next.cookie;
    fetch(this.fds, next);
    return true;
  }

  private forget(): void {
    this.streak = 0;
    this.listing = null;
    this.dir = null;
  }
}

/** The regular file that comes next after `cookie`. */
function nextFile(listing: Listing, cookie: number): ListedEntry | null {
  let found: ListedEntry | null = null;
  let left = REACH;
  listing.after(cookie, (entry) => {
    if (entry.type === DT_REG) found = entry;
    return found === null && --left > 0;
  });
  return found;
}

/** The next file to fetch, unless the reader has to come closer first. */
function ahead(listing: Listing): ListedEntry | null {
  let files = 0;
  let found: ListedEntry | null = null;
  let left = REACH;
  listing.after(listing.openedTo, (entry) => {
    if (entry.type === DT_REG) {
      if (entry.cookie > listing.fetchedTo) found = entry;
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
    // Its directory cannot be opened.
    if (error instanceof FsError) return;
    throw error;
  }
  if (fd < 0) return;
  prefetch(fd, 0, PREFETCH);
  close(fd);
}
