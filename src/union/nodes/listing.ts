import type { EntryName } from '../../core/brand.js';
import { DT_DIR } from '../../core/file-mode.js';
import { HIGH_WORD } from '../../sys/u64.js';
import type { RealDirectory } from '../layers/layer.js';

/** One name of a merged directory. */
export interface ListedEntry {
  readonly name: EntryName;
  /** The position after this entry, from which a reader continues. */
  readonly cookie: number;
  ino: number;
  readonly type: number;
  /** The real directory that contains the entry. */
  home: RealDirectory;
  /** For a directory: real directories of lower layers that have a directory of this name too, top first. */
  below: RealDirectory[] | null;
  /** The entry was removed since the listing was merged. */
  removed: boolean;
}

/** The cookies of `.` and `..`. Those of names are larger. */
export const DOT_COOKIE = 1;
export const DOT_DOT_COOKIE = 2;

/**
 * The position of a name in each listing of its directory. It is a hash, so that it depends on the name
 * alone. A reader that stops and continues later neither repeats nor misses a name that existed all the time,
 * whatever else has changed. The server stores nothing for the reader (ext4 orders its directories in the
 * same way). The hash has 52 bits: it is exact in a JavaScript number and positive as an off_t, and two names
 * of one directory have different hashes in practice.
 */
export function cookieOf(name: EntryName): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i);
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x5bd1e995);
    high ^= high >>> 13;
  }
  low ^= low >>> 15;
  return (high & 0xf_ffff) * HIGH_WORD + (low >>> 0) + 16;
}

function byCookie(a: ListedEntry, b: ListedEntry): number {
  return a.cookie - b.cookie || (a.name < b.name ? -1 : 1);
}

/** The merged content of one directory in the order of cookies. It is updated while it is cached. */
export class Listing {
  /** Sorted. Removed entries stay in it until the next merge. */
  private entries: ListedEntry[];
  private added: ListedEntry[] = [];
  private byName: Map<EntryName, ListedEntry> | null = null;
  /**
   * The cookies of the file that was opened last for reading, and of the last file that was read into the
   * page cache; 0: none.
   */
  openedCookie = 0;
  fetchedCookie = 0;

  constructor(entries: ListedEntry[]) {
    this.entries = entries.sort(byCookie);
  }

  get size(): number {
    return this.entries.length + this.added.length;
  }

  /** Calls `each` with the entries after `cookie`, in order, until it returns false. */
  after(cookie: number, each: (entry: ListedEntry) => boolean): void {
    this.merge();
    for (let i = this.firstAfter(cookie); i < this.entries.length; i++) {
      const entry = this.entries[i] as ListedEntry;
      if (!entry.removed && !each(entry)) return;
    }
  }

  add(entry: ListedEntry): void {
    this.remove(entry.name);
    this.added.push(entry);
    this.names().set(entry.name, entry);
  }

  remove(name: EntryName): void {
    const entry = this.names().get(name);
    if (entry === undefined) return;
    entry.removed = true;
    this.names().delete(name);
  }

  /** Updates an entry that was copied up to `home`, and shows the number `ino` now. */
  rehome(name: EntryName, home: RealDirectory, ino: number): void {
    const entry = this.names().get(name);
    if (entry === undefined) return;
    if (entry.type === DT_DIR) entry.below = [entry.home, ...(entry.below ?? [])];
    entry.home = home;
    entry.ino = ino;
  }

  private names(): Map<EntryName, ListedEntry> {
    this.byName ??= new Map(this.entries.map((entry) => [entry.name, entry]));
    return this.byName;
  }

  private merge(): void {
    if (this.added.length === 0) return;
    this.entries = this.entries
      .concat(this.added)
      .filter(({ removed }) => !removed)
      .sort(byCookie);
    this.added = [];
  }

  private firstAfter(cookie: number): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.entries[middle] as ListedEntry).cookie <= cookie) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
