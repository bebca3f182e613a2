/**
 * Memory for messages to the kernel: a header and a body. Offsets count from the beginning of the body;
 * `base` is where in the body the struct begins that has the member.
 */
import type { Memory } from '../../sys/libc.js';
import { HIGH_WORD } from '../../sys/u64.js';
import { OutHeader } from './reply-structs.js';
import type { Offset, Offset32 } from './struct.js';

const BODY = OutHeader.sizeof;

export class OutMessage {
  protected readonly u32s: Uint32Array;
  readonly buffer: Buffer;
  readonly address: number;
  /** How many bytes the body can have. */
  readonly capacity: number;

  /** @param memory for the header and the body */
  constructor({ buffer, address }: Memory) {
    this.u32s = new Uint32Array(buffer.buffer);
    this.buffer = buffer;
    this.address = address;
    this.capacity = buffer.length - BODY;
  }

  /**
   * @param bodyLength how many bytes of the body belong to the message
   * @param error a negative errno, 0, or the code of a notification
   * @param unique the request that the message answers; 0: a notification
   * @returns the length of the whole message
   */
  setHeader(bodyLength: number, error: number, unique: number): number {
    const { u32s } = this;
    const length = BODY + bodyLength;
    u32s[OutHeader.len >>> 2] = length;
    u32s[OutHeader.error >>> 2] = error;
    u32s[OutHeader.unique >>> 2] = unique;
    u32s[(OutHeader.unique >>> 2) + 1] = unique / HIGH_WORD;
    return length;
  }

  setU16(member: Offset<'u16'>, value: number, base = 0): void {
    this.buffer.writeUInt16LE(value, BODY + base + member);
  }

  setU32(member: Offset32, value: number, base = 0): void {
    this.u32s[(BODY + base + member) >>> 2] = value;
  }

  setU64(member: Offset<'u64'>, value: number, base = 0): void {
    const word = (BODY + base + member) >>> 2;
    this.u32s[word] = value;
    this.u32s[word + 1] = value / HIGH_WORD;
  }

  /** Stores a negative number in two's complement. */
  setI64(member: Offset<'i64'>, value: number, base = 0): void {
    const word = (BODY + base + member) >>> 2;
    this.u32s[word] = value;
    this.u32s[word + 1] = Math.floor(value / HIGH_WORD);
  }

  u32(member: Offset32, base = 0): number {
    return this.u32s[(BODY + base + member) >>> 2] as number;
  }

  u64(member: Offset<'u64'>, base = 0): number {
    const word = (BODY + base + member) >>> 2;
    return (this.u32s[word + 1] as number) * HIGH_WORD + (this.u32s[word] as number);
  }

  /** Overwrites at least `bytes` bytes from `at` on; both are multiples of 4 in structs. */
  zero(at: number, bytes: number): void {
    this.u32s.fill(0, (BODY + at) >>> 2, (BODY + at + bytes + 3) >>> 2);
  }
}
