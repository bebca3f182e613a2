/**
 * Packs directory entries into the reply body: struct fuse_dirent for READDIR, fuse_direntplus for
 * READDIRPLUS.
 */
import type { EntryName } from '../../core/brand.js';
import type { DirectorySink, Entry } from '../operations.js';
import { DIRENT_NAME, ENTRY_OUT_SIZE, OUT_HEADER } from './abi.js';
import type { Reply } from './reply.js';

/** FUSE_REC_ALIGN. */
function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}

export class DirentBuffer implements DirectorySink {
  private limit = 0;
  private plus = false;
  /** Entries in the reply. */
  count = 0;

  constructor(private readonly reply: Reply) {}

  /** @param limit bytes the kernel has room for */
  begin(limit: number, plus: boolean): void {
    this.limit = Math.min(limit, this.reply.capacity);
    this.plus = plus;
    this.count = 0;
  }

  fits(nameBytes: number): boolean {
    const before = this.plus ? ENTRY_OUT_SIZE : 0;
    return this.reply.size + aligned(before + DIRENT_NAME + nameBytes) <= this.limit;
  }

  add(name: EntryName, ino: number, type: number, cookie: number): void {
    this.dirent(this.reply.size, name, ino, type, cookie);
  }

  addPlus(name: EntryName, ino: number, type: number, cookie: number, entry: Entry | null): void {
    const at = this.reply.size;
    if (entry === null) this.reply.zero(at, ENTRY_OUT_SIZE);
    else this.reply.setEntry(at, entry);
    this.dirent(at + ENTRY_OUT_SIZE, name, ino, type, cookie);
  }

  private dirent(at: number, name: EntryName, ino: number, type: number, cookie: number): void {
    const { reply } = this;
    const { length } = name;
    const end = at + aligned(DIRENT_NAME + length);
    if (end > this.limit) throw new Error('a directory entry was added that does not fit');
    reply.setU64(at, ino);
    reply.setU64(at + 8, cookie);
    reply.setU32(at + 16, length);
    reply.setU32(at + 20, type);
    // Zeroes for the padding first: the name covers what it needs of them. No name is empty, so this is
    // behind `type`.
    reply.setU64(end - 8, 0);
    reply.buffer.write(name, OUT_HEADER + at + DIRENT_NAME, 'latin1');
    reply.size = end;
    this.count++;
  }
}
