/**
 * The request being served: one buffer that every request is read into, and typed access to what stands in
 * it. Nothing that is taken from it by reference outlives the request, but strings and numbers are copies.
 */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { allocate } from '../../sys/libc.js';
import { HIGH_WORD } from '../../sys/u64.js';
import { IN_HEADER, MAX_DATA, PAGE_SIZE } from './abi.js';

const SLASH = 0x2f;
const DOT = 0x2e;

/** What the kernel sent is not what fuse.h says it sends. Answered with EIO, and logged. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export class Request {
  private readonly memory = allocate(MAX_DATA + 2 * PAGE_SIZE);
  private readonly u32s = new Uint32Array(this.memory.buffer.buffer);
  private readonly i32s = new Int32Array(this.memory.buffer.buffer);
  /** WRITE takes its data from here in place. */
  readonly buffer: Buffer = this.memory.buffer;
  readonly address = this.memory.address;
  /**
   * What read(2) on the device is offered: at least max_write + 4096 + the header, else it answers EINVAL.
   */
  readonly capacity = this.memory.buffer.length;

  /** Of the whole message, header included. */
  length = 0;
  opcode = 0;
  /**
   * The kernel's name for this request; below 2^53 for the first 140 years at a million requests a second.
   */
  unique = 0;
  nodeid = 0 as NodeId;
  /** Where the last {@link name} or {@link text} ended, behind its NUL. */
  cursor = 0;

  /** Takes the header of a message of `length` bytes that stands in the buffer. */
  load(length: number): void {
    this.length = length;
    if (length < IN_HEADER) throw new ProtocolError(`a message of ${length} bytes has no header`);
    this.opcode = this.u32s[1] as number;
    this.unique = (this.u32s[3] as number) * HIGH_WORD + (this.u32s[2] as number);
    this.nodeid = ((this.u32s[5] as number) * HIGH_WORD + (this.u32s[4] as number)) as NodeId;
    const claimed = this.u32s[0] as number;
    if (claimed !== length) throw new ProtocolError(`a message of ${length} bytes says it has ${claimed}`);
  }

  get uid(): number {
    return this.u32s[6] as number;
  }

  get gid(): number {
    return this.u32s[7] as number;
  }

  /** The calling thread's id in the pid namespace of the mount; 0 where it has none there. */
  get pid(): number {
    return this.u32s[8] as number;
  }

  /** Every handler says first how large its struct is: members are then read without a check each. */
  expectBody(bytes: number): void {
    if (this.length < IN_HEADER + bytes) {
      throw new ProtocolError(`${this.length - IN_HEADER} bytes where at least ${bytes} are due`);
    }
  }

  /** A 32-bit member at `at` bytes into the body; all members are aligned. */
  u32(at: number): number {
    return this.u32s[(IN_HEADER + at) >>> 2] as number;
  }

  u64(at: number): number {
    const word = (IN_HEADER + at) >>> 2;
    return (this.u32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  /** A signed 64-bit member: seconds of a time. */
  i64(at: number): number {
    const word = (IN_HEADER + at) >>> 2;
    return (this.i32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  /**
   * A position or size in a file. Beyond 2^53 a Number is not exact, and no file system holds such a file:
   * EFBIG.
   */
  fileOffset(at: number): number {
    const value = this.u64(at);
    if (value > Number.MAX_SAFE_INTEGER) throw fsError(Errno.EFBIG, 'offset');
    return value;
  }

  nodeidAt(at: number): NodeId {
    return this.u64(at) as NodeId;
  }

  /**
   * The NUL-terminated name of a directory entry at `at` bytes into the body. What could lead out of its
   * directory is refused here, so that no file system behind the transport meets it.
   */
  name(at: number): EntryName {
    const { buffer } = this;
    const start = IN_HEADER + at;
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
    const start = IN_HEADER + at;
    return this.buffer.toString('latin1', start, this.terminator(start));
  }

  private terminator(start: number): number {
    const { buffer, length } = this;
    for (let i = start; i < length; i++) {
      if (buffer[i] === 0) {
        this.cursor = i + 1 - IN_HEADER;
        return i;
      }
    }
    throw new ProtocolError('a name without its end');
  }

  /** The whole message, to be put back with {@link restore}. */
  copy(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }

  /** Makes a message kept by {@link copy} the current one. */
  restore(message: Buffer): void {
    this.buffer.set(message, 0);
    this.load(message.length);
  }
}
