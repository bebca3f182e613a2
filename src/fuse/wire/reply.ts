/** The reply to the current request. One object and its memory serve all requests. */
import type { Moment } from '../../core/file-stat.js';
import type { Memory } from '../../sys/libc.js';
import type { Attributes, Entry, Opened, StatFs } from '../operations.js';
import { Fopen, STATX_BASIC_STATS, STATX_BTIME } from './abi.js';
import { encodeAttr } from './encode-attr.js';
import { OutMessage } from './out-message.js';
import {
  AttrOut,
  CopyFileRangeOut,
  EntryOut,
  GetxattrOut,
  Kstatfs,
  LseekOut,
  OpenOut,
  OutHeader,
  StatfsOut,
  Statx,
  StatxOut,
  SxTime,
  WriteOut,
} from './reply-structs.js';

export class Reply extends OutMessage {
  private readonly timeoutSec: number;
  private readonly timeoutNsec: number;

  /** How many bytes the body has so far. */
  size = 0;

  /** @param timeout seconds for which the kernel may cache a name and its attributes */
  constructor(timeout: number, memory: Memory) {
    super(memory);
    this.timeoutSec = Math.floor(timeout);
    this.timeoutNsec = Math.floor((timeout % 1) * 1e9);
  }

  /**
   * Writes the header of the reply to request `unique`.
   * @param error 0, or a positive errno; the reply then has no body
   * @returns the length of the whole message
   */
  seal(unique: number, error: number): number {
    return this.setHeader(error === 0 ? this.size : 0, -error, unique);
  }

  /** Writes a fuse_entry_out at `at`, without changing {@link size}. */
  setEntry(at: number, entry: Entry): void {
    this.setU64(EntryOut.nodeid, entry.nodeid, at);
    this.setU64(EntryOut.generation, 0, at); // nodeids are never reused
    this.setU64(EntryOut.entry_valid, this.timeoutSec, at);
    this.setU64(EntryOut.attr_valid, entry.cacheAttr ? this.timeoutSec : 0, at);
    this.setU32(EntryOut.entry_valid_nsec, this.timeoutNsec, at);
    this.setU32(EntryOut.attr_valid_nsec, entry.cacheAttr ? this.timeoutNsec : 0, at);
    encodeAttr(this.u32s, (OutHeader.sizeof + at + EntryOut.attr) >>> 2, entry.attr);
  }

  appendEntry(entry: Entry): void {
    this.setEntry(this.size, entry);
    this.size += EntryOut.sizeof;
  }

  /**
   * "There is no such name", which the kernel may cache: nodeid 0 with a timeout. After a bare ENOENT the
   * kernel would send every further LOOKUP of the name.
   */
  negativeEntry(): void {
    this.zero(0, EntryOut.sizeof);
    this.setU64(EntryOut.entry_valid, this.timeoutSec);
    this.setU32(EntryOut.entry_valid_nsec, this.timeoutNsec);
    this.size = EntryOut.sizeof;
  }

  attributes({ attr, cacheAttr }: Attributes): void {
    this.setU64(AttrOut.attr_valid, cacheAttr ? this.timeoutSec : 0);
    this.setU32(AttrOut.attr_valid_nsec, cacheAttr ? this.timeoutNsec : 0);
    this.setU32(AttrOut.dummy, 0);
    encodeAttr(this.u32s, (OutHeader.sizeof + AttrOut.attr) >>> 2, attr);
    this.size = AttrOut.sizeof;
  }

  /** `attributes_mask` is 0: the server knows the state of no inode flag. */
  statx({ attr, cacheAttr }: Attributes, birth: Moment | null): void {
    this.zero(0, StatxOut.sizeof);
    this.setU64(StatxOut.attr_valid, cacheAttr ? this.timeoutSec : 0);
    this.setU32(StatxOut.attr_valid_nsec, cacheAttr ? this.timeoutNsec : 0);
    const at = StatxOut.stat;
    this.setU32(Statx.mask, birth === null ? STATX_BASIC_STATS : STATX_BASIC_STATS | STATX_BTIME, at);
    this.setU32(Statx.blksize, attr.blksize, at);
    this.setU32(Statx.nlink, attr.nlink, at);
    this.setU32(Statx.uid, attr.uid, at);
    this.setU32(Statx.gid, attr.gid, at);
    this.setU16(Statx.mode, attr.mode, at);
    this.setU64(Statx.ino, attr.ino, at);
    this.setU64(Statx.size, attr.size, at);
    this.setU64(Statx.blocks, attr.blocks, at);
    this.setTime(at + Statx.atime, attr.atimeSec, attr.atimeNsec);
    if (birth !== null) this.setTime(at + Statx.btime, birth.sec, birth.nsec);
    this.setTime(at + Statx.ctime, attr.ctimeSec, attr.ctimeNsec);
    this.setTime(at + Statx.mtime, attr.mtimeSec, attr.mtimeNsec);
    this.setU32(Statx.rdev_major, attr.rdevMajor, at);
    this.setU32(Statx.rdev_minor, attr.rdevMinor, at);
    this.size = StatxOut.sizeof;
  }

  private setTime(at: number, sec: number, nsec: number): void {
    this.setI64(SxTime.tv_sec, sec, at);
    this.setU32(SxTime.tv_nsec, nsec, at);
  }

  /**
   * Appends a fuse_open_out.
   *
   * NOFLUSH: the kernel need not report a close, because the server has written all data before it replied to
   * the WRITE. A passthrough open has no pages of FUSE to keep, and with KEEP_CACHE the kernel fails it
   * (fs/fuse/iomode.c:FOPEN_PASSTHROUGH_MASK). DIRECT_IO overrides PASSTHROUGH for reads and writes
   * (fs/fuse/file.c:fuse_file_write_iter).
   */
  appendOpened({ keepCache, backingId, direct }: Opened): void {
    const at = this.size;
    let flags: number = Fopen.NOFLUSH;
    if (backingId > 0) flags |= direct ? Fopen.PASSTHROUGH | Fopen.DIRECT_IO : Fopen.PASSTHROUGH;
    else if (keepCache) flags |= Fopen.KEEP_CACHE;
    this.setU64(OpenOut.fh, 0, at); // all opens of a node share what the file system holds for it
    this.setU32(OpenOut.open_flags, flags, at);
    this.setU32(OpenOut.backing_id, backingId, at);
    this.size = at + OpenOut.sizeof;
  }

  statfs(fs: StatFs): void {
    this.zero(0, StatfsOut.sizeof);
    const at = StatfsOut.st;
    this.setU64(Kstatfs.blocks, fs.blocks, at);
    this.setU64(Kstatfs.bfree, fs.bfree, at);
    this.setU64(Kstatfs.bavail, fs.bavail, at);
    this.setU64(Kstatfs.files, fs.files, at);
    this.setU64(Kstatfs.ffree, fs.ffree, at);
    this.setU32(Kstatfs.bsize, fs.bsize, at);
    this.setU32(Kstatfs.namelen, fs.namelen, at);
    this.setU32(Kstatfs.frsize, fs.frsize, at);
    this.size = StatfsOut.sizeof;
  }

  /** Appends a latin1-decoded string. */
  appendText(text: string): void {
    this.size += this.buffer.write(text, OutHeader.sizeof + this.size, 'latin1');
  }

  appendBytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, OutHeader.sizeof + this.size);
    this.size += bytes.length;
  }

  appendU32(value: number): void {
    this.size = this.buffer.writeUInt32LE(value, OutHeader.sizeof + this.size) - OutHeader.sizeof;
  }

  /** How many bytes WRITE or COPY_FILE_RANGE has written. */
  written(bytes: number): void {
    this.setU32(WriteOut.size, bytes);
    this.setU32(WriteOut.padding, 0);
    this.size = WriteOut.sizeof;
  }

  /** How many bytes the value of GETXATTR or the list of LISTXATTR has. */
  xattrSize(bytes: number): void {
    this.setU32(GetxattrOut.size, bytes);
    this.setU32(GetxattrOut.padding, 0);
    this.size = GetxattrOut.sizeof;
  }

  /** The offset at which LSEEK has found data or a hole. */
  position(offset: number): void {
    this.setU64(LseekOut.offset, offset);
    this.size = LseekOut.sizeof;
  }

  /** How many bytes COPY_FILE_RANGE_64 has written. */
  written64(bytes: number): void {
    this.setU64(CopyFileRangeOut.bytes_copied, bytes);
    this.size = CopyFileRangeOut.sizeof;
  }
}
