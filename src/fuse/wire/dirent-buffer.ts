/**
 * Packs directory entries into the body of the reply: fuse_dirent for READDIR, fuse_direntplus for
 * READDIRPLUS.
 */
import type { EntryName } from '../../core/brand.js';
import type { DirectorySink, Entry } from '../operations.js';
import type { Reply } from './reply.js';
import { Dirent, Direntplus, EntryOut, OutHeader } from './reply-structs.js';

/** FUSE_REC_ALIGN */
export function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}

export class DirentBuffer implements DirectorySink {
  private limit = 0;
  private plus = false;
  /** How many entries the reply has. */
  count = 0;

  constructor(private readonly reply: Reply) {}

  /** @param limit how many bytes the kernel has room for */
  begin(limit: number, plus: boolean): void {
    this.limit = Math.min(limit, this.reply.capacity);
    this.plus = plus;
    this.count = 0;
  }

  fits(nameBytes: number): boolean {
    const struct = this.plus ? Direntplus.sizeof : Dirent.sizeof;
    return this.reply.size + aligned(struct + nameBytes) <= this.limit;
  }

  add(name: EntryName, ino: number, type: number, cookie: number): void {
    this.appendDirent(this.reply.size, name, ino, type, cookie);
  }

  addPlus(name: EntryName, ino: number, type: number, cookie: number, entry: Entry | null): void {
    const at = this.reply.size;
    if (entry === null) this.reply.zero(at + Direntplus.entry_out, EntryOut.sizeof);
    else this.reply.setEntry(at + Direntplus.entry_out, entry);
    this.appendDirent(at + Direntplus.dirent, name, ino, type, cookie);
  }

  private appendDirent(at: number, name: EntryName, ino: number, type: number, cookie: number): void {
    const { reply } = this;
    const { length } = name;
    const end = at + aligned(Dirent.sizeof + length);
    if (end > this.limit) throw new Error('a directory entry was added that does not fit');
    reply.setU64(Dirent.ino, ino, at);
    reply.setU64(Dirent.off, cookie, at);
    reply.setU32(Dirent.namelen, length, at);
    reply.setU32(Dirent.type, type, at);
    // Zeros for the padding, before the name overwrites some of them. No name is empty, so these 8 bytes are
    // after `type`.
    reply.zero(end - 8, 8);
    reply.buffer.write(name, OutHeader.sizeof + at + Dirent.sizeof, 'latin1');
    reply.size = end;
    this.count++;
  }
}
