/**
 * The current request. Every request of a thread is read into the same memory, so a reference into it is
 * valid only until the next request is read; strings and numbers are copies.
 */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import type { Memory } from '../../sys/libc.js';
import { HIGH_WORD } from '../../sys/u64.js';
import { InHeader } from './request-structs.js';
import type { Offset, Offset32 } from './struct.js';

const SLASH = 0x2f;
const DOT = 0x2e;
const BODY = InHeader.sizeof;

/** A message of the kernel is not as fuse.h describes it. The server logs the error and replies with EIO. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export class Request {
  private readonly u32s: Uint32Array;
  private readonly i32s: Int32Array;
  /** The whole message. Handlers of WRITE and SETXATTR pass the data on without copying it. */
  readonly buffer: Buffer;
  readonly address: number;
  /**
   * Room for one message. If it is less than max_write + 4096 + the header, read(2) of the device returns
   * EINVAL.
   */
  readonly capacity: number;

  /** How many bytes the message has, header included. */
  length = 0;
  opcode = 0;
  /**
   * The number that the kernel gave the request. It stays below 2^53 for 140 years at a million requests a
   * second.
   */
  unique = 0;
  nodeid = 0 as NodeId;
  /** Position in the body after the NUL of the last {@link name} or {@link text}. */
  cursor = 0;

  constructor({ buffer, address }: Memory) {
    this.u32s = new Uint32Array(buffer.buffer);
    this.i32s = new Int32Array(buffer.buffer);
    this.buffer = buffer;
    this.address = address;
    this.capacity = buffer.length;
  }

  /** Decodes the header of the message of `length` bytes that is in the buffer. */
  load(length: number): void {
    this.length = length;
    if (length < BODY) throw new ProtocolError(`a message of ${length} bytes has no header`);
    this.opcode = this.header32(InHeader.opcode);
    this.unique = this.header64(InHeader.unique);
    this.nodeid = this.header64(InHeader.nodeid) as NodeId;
    const declared = this.header32(InHeader.len);
    if (declared !== length) throw new ProtocolError(`a message of ${length} bytes has the length ${declared}`);
  }

  get uid(): number {
    return this.header32(InHeader.uid);
  }

  get gid(): number {
    return this.header32(InHeader.gid);
  }

  /** The id of the calling thread in the PID namespace of the mount; 0 if it has none there. */
  get pid(): number {
    return this.header32(InHeader.pid);
  }

  private header32(member: Offset32): number {
    return this.u32s[member >>> 2] as number;
  }

  private header64(member: Offset<'u64'>): number {
    const word = member >>> 2;
    return (this.u32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  /**
   * Throws if the body is shorter than `bytes`. Each handler calls it first, with the size of its struct;
   * reading a member checks nothing.
   */
  expectBody(bytes: number): void {
    if (this.length < BODY + bytes) {
      throw new ProtocolError(`${this.length - BODY} bytes where at least ${bytes} are due`);
    }
  }

  /** @param base where in the body the struct begins that has `member` */
  u32(member: Offset32, base = 0): number {
    return this.u32s[(BODY + base + member) >>> 2] as number;
  }

  u64(member: Offset<'u64'>, base = 0): number {
    const word = (BODY + base + member) >>> 2;
    return (this.u32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  i64(member: Offset<'i64'>): number {
    const word = (BODY + member) >>> 2;
    return (this.i32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  /**
   * A position or size in a file. Above 2^53 a Number is not exact, and no file system holds such a file:
   * EFBIG.
   */
  fileOffset(member: Offset<'u64'>): number {
    const value = this.u64(member);
    if (value > Number.MAX_SAFE_INTEGER) throw fsError(Errno.EFBIG, 'offset');
    return value;
  }

  nodeidAt(member: Offset<'u64'>, base = 0): NodeId {
    return this.u64(member, base) as NodeId;
  }

  /**
   * The NUL-terminated name of a directory entry at `at` bytes into the body. Refuses names that could lead
   * out of their directory, so that no file system gets one.
   */
  name(at: number): EntryName {
    const { buffer } = this;
    const start = BODY + at;
    const end = this.terminator(start);
    const length = end - start;
    if (length === 0) throw new ProtocolError('an empty name');
    if (buffer[start] === DOT && (length === 1 || (length === 2 && buffer[start + 1] === DOT))) {
      throw new ProtocolError('a name that is . or ..');
    }
    for (let i = start; i < end; i++) if (buffer[i] === SLASH) throw new ProtocolError('a name with a slash');
    return buffer.toString('latin1', start, end) as EntryName;
  }

  /**
   * Any NUL-terminated bytes at `at` bytes into the body, latin1-decoded: a symlink's target, an xattr's
   * name.
   */
  text(at: number): string {
    const start = BODY + at;
    return this.buffer.toString('latin1', start, this.terminator(start));
  }

  private terminator(start: number): number {
    const { buffer, length } = this;
    for (let i = start; i < length; i++) {
      if (buffer[i] === 0) {
        this.cursor = i + 1 - BODY;
        return i;
      }
    }
    throw new ProtocolError('a name without its end');
  }

  /** The `size` bytes at `at` bytes into the body, valid until the next request is read. */
  bytes(at: number, size: number): Buffer {
    this.expectBody(at + size);
    return this.buffer.subarray(BODY + at, BODY + at + size);
  }

  /** A copy of the whole message, for {@link restore}. */
  copy(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }

  /** Makes a message that {@link copy} returned the current one. */
  restore(message: Buffer): void {
    this.buffer.set(message, 0);
    this.load(message.length);
  }
}
