/** Encodes messages as the kernel does, independent of the code under test. */

/** Little-endian members, one after the other: `u32(1)`, `u64(2n)`, `text('name')` with its NUL. */
export const u32 = (...values: number[]): Buffer => {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) buffer.writeUInt32LE(value >>> 0, i * 4);
  return buffer;
};
export const u64 = (...values: (number | bigint)[]): Buffer => {
  const buffer = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), i * 8);
  return buffer;
};
export const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');

export interface HeaderFields {
  unique?: number;
  nodeid?: number;
  uid?: number;
  gid?: number;
  pid?: number;
}

/** A struct fuse_in_header and a body. */
export function message(opcode: number, body: readonly Buffer[] = [], header: HeaderFields = {}): Buffer {
  const { unique = 2, nodeid = 1, uid = 1000, gid = 100, pid = 4242 } = header;
  const all = Buffer.concat(body);
  return Buffer.concat([u32(40 + all.length, opcode), u64(unique, nodeid), u32(uid, gid, pid, 0), all]);
}
