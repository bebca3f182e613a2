/** Messages of the kernel with unusual values, and damaged ones that no kernel sends. */
import fc from 'fast-check';
import { Opcode } from '../../src/fuse/wire/abi.js';
import { message, u32, u64 } from '../unit/fuse/kernel-message.js';

type Field = 'u32' | 'size' | 'u64' | 'flags' | 'mode' | 'node' | 'name' | 'text' | 'data' | number;

/** The members of each body, by linux/fuse.h. A number is a member of 32 bits with that value. */
const BODIES: { readonly [name in keyof typeof Opcode]?: readonly Field[] } = {
  LOOKUP: ['name'],
  FORGET: ['u64'],
  BATCH_FORGET: ['u32', 0, 'node', 'u64', 'node', 'u64'],
  GETATTR: [0, 0, 'u64'],
  SETATTR: ['flags', 0, 'u64', 'u64', 'u64', 'u64', 'u64', 'u64', 'u32', 'u32', 'u32', 'mode', 'u32', 'u32', 'u32', 0],
  SYMLINK: ['name', 'text'],
  MKNOD: ['mode', 'u32', 'mode', 0, 'name'],
  MKDIR: ['mode', 'mode', 'name'],
  UNLINK: ['name'],
  RMDIR: ['name'],
  RENAME: ['node', 'name', 'name'],
  RENAME2: ['node', 'flags', 0, 'name', 'name'],
  LINK: ['node', 'name'],
  OPEN: ['flags', 'flags'],
  READ: ['u64', 'u64', 'u32', 'flags', 'u64', 'flags', 0],
  WRITE: ['u64', 'u64', 3, 'flags', 'u64', 'flags', 0, 'data'],
  RELEASE: ['u64', 'flags', 'flags', 'u64'],
  FSYNC: ['u64', 'flags', 0],
  FSYNCDIR: ['u64', 'flags', 0],
  SETXATTR: ['size', 'flags', 'flags', 0, 'text', 'data'],
  GETXATTR: ['u32', 0, 'text'],
  LISTXATTR: ['u32', 0],
  REMOVEXATTR: ['text'],
  INIT: [7, 'u32', 'u32', 'flags', 'flags'],
  READDIR: ['u64', 'u64', 'u32', 'flags', 'u64', 'flags', 0],
  READDIRPLUS: ['u64', 'u64', 'u32', 'flags', 'u64', 'flags', 0],
  CREATE: ['flags', 'mode', 'mode', 'flags', 'name'],
  TMPFILE: ['flags', 'mode', 'mode', 'flags', 'name'],
  INTERRUPT: ['u64'],
  IOCTL: ['u64', 'flags', 'u32', 'u64', 'u32', 'u32', 'data'],
  FALLOCATE: ['u64', 'u64', 'u64', 'flags', 0],
  LSEEK: ['u64', 'u64', 'u32', 0],
  COPY_FILE_RANGE: ['u64', 'u64', 'node', 'u64', 'u64', 'u64', 'u64'],
  COPY_FILE_RANGE_64: ['u64', 'u64', 'node', 'u64', 'u64', 'u64', 'u64'],
};

/** More bytes than an xattr can have. */
const LARGE = 70_000;
const IOCTLS = [0x80086601, 0x40086602, 0x801c581f, 0x401c5820, 0x7966];
const u32s = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 8, 28, 4096, 65_536, LARGE, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, ...IOCTLS),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const u64s = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 4096n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
/** Few bits, mostly low ones, or all bits. */
const flags = fc.oneof(
  fc.integer({ min: 0, max: 15 }),
  fc.constantFrom(0o1001, 0o102, 0x7ff, 0x8ff, 2 ** 32 - 1),
  u32s,
);
const modes = fc.oneof(fc.constantFrom(0o100644, 0o40755, 0o10600, 0o20600, 0o120777, 0o7777, 0), u32s);
/** The file system numbers nodes in order, so small ids are nodes after some lookups. */
const nodes = fc.oneof(fc.integer({ min: 0, max: 12 }).map(BigInt), u64s);

const NAMES = [
  'a',
  'b',
  'd',
  'e',
  'f',
  '.',
  '..',
  '',
  'd/f',
  '/',
  '../x',
  '.wh.a',
  '.wh..wh..opq',
  '\xff\xfe',
  'x'.repeat(255),
];
const XATTRS = [
  'user.a',
  'trusted.overlay.opaque',
  'trusted.a',
  'system.posix_acl_access',
  'security.capability',
  'a',
  '',
];
const names = fc.oneof(
  fc.constantFrom(...NAMES, 'x'.repeat(256), 'x'.repeat(5000)),
  fc.string({ maxLength: 12, unit: 'binary-ascii' }),
);
const texts = fc.oneof(fc.constantFrom(...XATTRS, 'x'.repeat(20_000)), names);

const nulTerminated = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');

function field(kind: Field): fc.Arbitrary<Buffer> {
  switch (kind) {
    case 'u32':
      return u32s.map((value) => u32(value));
    case 'size':
      return fc.oneof(fc.constantFrom(3, LARGE), u32s).map((value) => u32(value));
    case 'flags':
      return flags.map((value) => u32(value));
    case 'mode':
      return modes.map((value) => u32(value));
    case 'u64':
      return u64s.map((value) => u64(value));
    case 'node':
      return nodes.map((value) => u64(value));
    case 'name':
      return names.map(nulTerminated);
    case 'text':
      return texts.map(nulTerminated);
    case 'data':
      return fc.oneof(
        fc.constantFrom(Buffer.from('abc'), Buffer.alloc(LARGE)),
        fc.uint8Array({ maxLength: 64 }).map((data) => Buffer.from(data)),
      );
    default:
      return fc.constant(u32(kind));
  }
}

/** Damage: the end is missing, bytes are added, a byte is changed; or none. */
const damage = fc.oneof(
  { weight: 6, arbitrary: fc.constant((body: Buffer) => body) },
  { weight: 2, arbitrary: fc.nat(120).map((keep) => (body: Buffer) => body.subarray(0, keep)) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 40 }).map((more) => (body: Buffer) => Buffer.concat([body, more])),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(200), fc.nat(255)).map(([at, value]) => (body: Buffer) => {
      const changed = Buffer.from(body);
      if (at < changed.length) changed[at] = value;
      return changed;
    }),
  },
);

/** A message with a valid header. Its body can be damaged. */
export interface Shaped {
  readonly opcode: number;
  readonly nodeid: number;
  readonly body: Buffer;
}

const shapes = Object.entries(Opcode).map(([name, opcode]) => {
  const fields = BODIES[name as keyof typeof Opcode] ?? ['u64', 'u64'];
  return fc.tuple(...fields.map(field)).map((parts) => ({ opcode, body: Buffer.concat(parts) }));
});

export const shaped: fc.Arbitrary<Shaped> = fc
  .tuple(fc.oneof(...shapes), fc.oneof(fc.constant(1n), nodes), damage)
  .map(([{ opcode, body }, nodeid, change]) => ({
    opcode,
    nodeid: Number(BigInt.asUintN(53, nodeid)),
    body: change(body),
  }));

export function bytesOf({ opcode, nodeid, body }: Shaped, unique: number): Buffer {
  return message(opcode, [body], { unique, nodeid, uid: 0, gid: 0, pid: process.pid });
}
