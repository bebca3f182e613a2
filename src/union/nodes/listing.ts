import type { EntryName } from '../../core/brand.js';
import { DT_DIR } from '../../core/file-mode.js';
import { HIGH_WORD } from '../../sys/u64.js';
import type { RealDirectory } from '../layers/layer.js';

/** One name of a merged directory. */
export interface ListedEntry {
  readonly name: EntryName;
  /** Where a listing goes on after this entry. */
  readonly cookie: number;
  ino: number;
  readonly type: number;
  /** The real directory that the entry comes from. */
  home: RealDirectory;
  /** For a directory: real directories of lower layers that have a directory of this name too, top first. */
  below: RealDirectory[] | null;
  gone: boolean;
}

/** Cookies of `.` and `..`; those of names are larger. */
export const DOT_COOKIE = 1;
export const DOT_DOT_COOKIE = 2;

/**
 * The position of a name in every listing of its directory: a hash, so that it depends on the name alone. A
 * reader that stops and goes on, with any changes in between, neither repeats nor misses a name that was
 * there all along, and nothing has to be kept for it (ext4 orders its directories likewise). 52 bits: exact
 * in a JavaScript number, positive as an off_t, and two names of one directory do not meet in practice.
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

/** The merged content of one directory in cookie order, kept up to date while it is cached. */
export class Listing {
  /** Sorted; entries that are gone stay until the next merge. */
  private entries: ListedEntry[];
  private added: ListedEntry[] = [];
  private byName: Map<EntryName, ListedEntry> | null = null;
  /**
   * Cookie of the file that was opened for reading last, and of the last one that was brought into the page
   * cache; 0: none.
   */
  openedTo = 0;
  fetchedTo = 0;

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
      if (!entry.gone && !each(entry)) return;
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
    entry.gone = true;
    this.names().delete(name);
  }

  /** The entry has been copied up. */
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
      .filter(({ gone }) => !gone)
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
