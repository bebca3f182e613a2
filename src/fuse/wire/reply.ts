/**
 * The reply being written: one buffer for all, header first. Offsets given to the methods count from the
 * body's start.
 */
import type { FileStat, Moment } from '../../core/file-stat.js';
import { allocate } from '../../sys/libc.js';
import { HIGH_WORD } from '../../sys/u64.js';
import type { Attributes, Entry, Opened, StatFs } from '../operations.js';
import {
  ATTR_OUT_SIZE,
  ATTR_SIZE,
  ENTRY_OUT_SIZE,
  Fopen,
  MAX_DATA,
  OPEN_OUT_SIZE,
  OUT_HEADER,
  STATFS_OUT_SIZE,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_OUT_SIZE,
} from './abi.js';

/** Linux' new_encode_dev() (linux/kdev_t.h): how a device number travels in 32 bits. */
export function encodeDev(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

export class Reply {
  private readonly memory = allocate(MAX_DATA + (64 << 10));
  private readonly u32s = new Uint32Array(this.memory.buffer.buffer);
  private readonly timeoutSec: number;
  private readonly timeoutNsec: number;
  /** READ's data goes straight to {@link OUT_HEADER} of this. */
  readonly buffer: Buffer = this.memory.buffer;
  readonly address = this.memory.address;
  /** Bytes that fit behind the header. */
  readonly capacity = this.memory.buffer.length - OUT_HEADER;

  /** Bytes of the body so far. */
  size = 0;

  /** @param timeout seconds for which the kernel may keep a name and its attributes */
  constructor(timeout: number) {
    this.timeoutSec = Math.floor(timeout);
    this.timeoutNsec = Math.floor((timeout % 1) * 1e9);
  }

  /**
   * Writes the header of an answer to `unique`. `error`: 0, or a positive errno, which has no body. Returns
   * the length.
   */
  seal(unique: number, error: number): number {
    const length = OUT_HEADER + (error === 0 ? this.size : 0);
    this.u32s[0] = length;
    this.u32s[1] = -error;
    this.u32s[2] = unique;
    this.u32s[3] = unique / HIGH_WORD;
    return length;
  }

  setU32(at: number, value: number): void {
    this.u32s[(OUT_HEADER + at) >>> 2] = value;
  }

  /** Also of negative numbers, in two's complement. */
  setU64(at: number, value: number): void {
    const word = (OUT_HEADER + at) >>> 2;
    this.u32s[word] = value;
    this.u32s[word + 1] = Math.floor(value / HIGH_WORD);
  }

  u64(at: number): number {
    const word = (OUT_HEADER + at) >>> 2;
    return (this.u32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  zero(at: number, bytes: number): void {
    this.u32s.fill(0, (OUT_HEADER + at) >>> 2, (OUT_HEADER + at + bytes + 3) >>> 2);
  }

  /** struct fuse_attr at `at`. */
  private setAttr(at: number, attr: FileStat): void {
    const { u32s } = this;
    this.setU64(at, attr.ino);
    this.setU64(at + 8, attr.size);
    this.setU64(at + 16, attr.blocks);
    this.setU64(at + 24, attr.atimeSec);
    this.setU64(at + 32, attr.mtimeSec);
    this.setU64(at + 40, attr.ctimeSec);
    const word = (OUT_HEADER + at + 48) >>> 2;
    u32s[word] = attr.atimeNsec;
    u32s[word + 1] = attr.mtimeNsec;
    u32s[word + 2] = attr.ctimeNsec;
    u32s[word + 3] = attr.mode;
    u32s[word + 4] = attr.nlink;
    u32s[word + 5] = attr.uid;
    u32s[word + 6] = attr.gid;
    u32s[word + 7] = encodeDev(attr.rdevMajor, attr.rdevMinor);
    u32s[word + 8] = attr.blksize;
    u32s[word + 9] = 0;
  }

  /** struct fuse_entry_out at `at`, without making it part of the body. */
  setEntry(at: number, entry: Entry): void {
    this.setU64(at, entry.nodeid);
    this.setU64(at + 8, 0); // generation: nodeids are never reused
    this.setU64(at + 16, this.timeoutSec);
    this.setU64(at + 24, entry.cacheAttr ? this.timeoutSec : 0);
    this.setU32(at + 32, this.timeoutNsec);
    this.setU32(at + 36, entry.cacheAttr ? this.timeoutNsec : 0);
    this.setAttr(at + 40, entry.attr);
  }

  entry(entry: Entry): void {
    this.setEntry(this.size, entry);
    this.size += ENTRY_OUT_SIZE;
  }

  /**
   * "There is no such name", for the kernel to remember: nodeid 0 with a timeout. A bare ENOENT is asked for
   * again.
   */
  negativeEntry(): void {
    this.zero(0, ENTRY_OUT_SIZE);
    this.setU64(16, this.timeoutSec);
    this.setU32(32, this.timeoutNsec);
    this.size = ENTRY_OUT_SIZE;
  }

  attributes(answer: Attributes): void {
    this.setU64(0, answer.cacheAttr ? this.timeoutSec : 0);
    this.setU32(8, answer.cacheAttr ? this.timeoutNsec : 0);
    this.setU32(12, 0);
    this.setAttr(ATTR_OUT_SIZE - ATTR_SIZE, answer.attr);
    this.size = ATTR_OUT_SIZE;
  }

  /**
   * struct fuse_statx_out, with a struct statx (linux/stat.h) from byte 32 on. Its stx_attributes_mask is 0:
   * no inode flag is known.
   */
  statx(answer: Attributes, birth: Moment | null): void {
    const { attr } = answer;
    this.zero(0, STATX_OUT_SIZE);
    this.setU64(0, answer.cacheAttr ? this.timeoutSec : 0);
    this.setU32(8, answer.cacheAttr ? this.timeoutNsec : 0);
    this.setU32(32, birth === null ? STATX_BASIC_STATS : STATX_BASIC_STATS | STATX_BTIME);
    this.setU32(36, attr.blksize);
    this.setU32(48, attr.nlink);
    this.setU32(52, attr.uid);
    this.setU32(56, attr.gid);
    this.setU32(60, attr.mode);
    this.setU64(64, attr.ino);
    this.setU64(72, attr.size);
    this.setU64(80, attr.blocks);
    this.setMoment(96, attr.atimeSec, attr.atimeNsec);
    if (birth !== null) this.setMoment(112, birth.sec, birth.nsec);
    this.setMoment(128, attr.ctimeSec, attr.ctimeNsec);
    this.setMoment(144, attr.mtimeSec, attr.mtimeNsec);
    this.setU32(160, attr.rdevMajor);
    this.setU32(164, attr.rdevMinor);
    this.size = STATX_OUT_SIZE;
  }

  private setMoment(at: number, sec: number, nsec: number): void {
    this.setU64(at, sec);
    this.setU32(at + 8, nsec);
  }

  /**
   * NOFLUSH: a close has nothing to tell us, every write has been answered already. A passthrough open has no
   * cache to keep, and with KEEP_CACHE the kernel fails it (fs/fuse/iomode.c:FOPEN_PASSTHROUGH_MASK).
   * DIRECT_IO overrides PASSTHROUGH for reads and writes (fs/fuse/file.c:fuse_file_write_iter).
   */
  opened({ keepCache, backingId, direct }: Opened): void {
    const at = this.size;
    let flags: number = Fopen.NOFLUSH;
    if (backingId > 0) flags |= direct ? Fopen.PASSTHROUGH | Fopen.DIRECT_IO : Fopen.PASSTHROUGH;
    else if (keepCache) flags |= Fopen.KEEP_CACHE;
    this.setU64(at, 0); // fh: a node needs no handles
    this.setU32(at + 8, flags);
    this.setU32(at + 12, backingId);
    this.size = at + OPEN_OUT_SIZE;
  }

  statfs(fs: StatFs): void {
    this.zero(0, STATFS_OUT_SIZE);
    this.setU64(0, fs.blocks);
    this.setU64(8, fs.bfree);
    this.setU64(16, fs.bavail);
    this.setU64(24, fs.files);
    this.setU64(32, fs.ffree);
    this.setU32(40, fs.bsize);
    this.setU32(44, fs.namelen);
    this.setU32(48, fs.frsize);
    this.size = STATFS_OUT_SIZE;
  }

  /** Latin1-decoded bytes at the end of the body. */
  text(text: string): void {
    this.size += this.buffer.write(text, OUT_HEADER + this.size, 'latin1');
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, OUT_HEADER + this.size);
    this.size += bytes.length;
  }

  /** {u32 value; u32 padding}: the answers of WRITE, GETXATTR's size, COPY_FILE_RANGE. */
  u32Answer(value: number): void {
    this.setU32(0, value);
    this.setU32(4, 0);
    this.size = 8;
  }

  u64Answer(value: number): void {
    this.setU64(0, value);
    this.size = 8;
  }
}
