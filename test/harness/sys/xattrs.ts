/** Extended attributes and POSIX ACLs in their xattr form. Symlinks are not followed. */
import { allocate, bind, check, cPath, cPath2 } from './call.js';

const getCall = bind<(path: number, name: number, into: number, size: number) => number>(
  'long lgetxattr(intptr_t, intptr_t, intptr_t, size_t)',
);
const setCall = bind<(path: number, name: number, from: number, size: number, flags: number) => number>(
  'int lsetxattr(intptr_t, intptr_t, intptr_t, size_t, int)',
);
const fsetCall = bind<(fd: number, name: number, from: number, size: number, flags: number) => number>(
  'int fsetxattr(int, intptr_t, intptr_t, size_t, int)',
);
const listCall = bind<(path: number, into: number, size: number) => number>(
  'long llistxattr(intptr_t, intptr_t, size_t)',
);
const removeCall = bind<(path: number, name: number) => number>('int lremovexattr(intptr_t, intptr_t)');

export function getxattr(path: string, name: string, size = 65536): Buffer {
  const { buffer, address } = allocate(Math.max(1, size));
  const got = check(getCall(cPath(path), cPath2(name), address, size), 'getxattr', `${path} ${name}`);
  return buffer.subarray(0, got);
}

/** Returns the size that getxattr(2) reports when the buffer has size 0. */
export function xattrSize(path: string, name: string): number {
  return check(getCall(cPath(path), cPath2(name), 0, 0), 'getxattr', `${path} ${name}`);
}

export function setxattr(path: string, name: string, value: string | Uint8Array, flags = 0): void {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const { buffer, address } = allocate(Math.max(1, bytes.length));
  buffer.set(bytes);
  check(setCall(cPath(path), cPath2(name), address, bytes.length, flags), 'setxattr', `${path} ${name}`);
}

export function fsetxattr(fd: number, name: string, value: string, flags = 0): void {
  const { buffer, address } = allocate(Math.max(1, value.length));
  buffer.write(value, 'latin1');
  check(fsetCall(fd, cPath2(name), address, value.length, flags), 'fsetxattr', `${fd} ${name}`);
}

/** Returns the names, sorted. */
export function listxattr(path: string, size = 65536): string[] {
  const { buffer, address } = allocate(Math.max(1, size));
  const got = check(listCall(cPath(path), address, size), 'listxattr', path);
  return got === 0
    ? []
    : buffer
        .toString('latin1', 0, got - 1)
        .split('\0')
        .sort();
}

export function removexattr(path: string, name: string): void {
  check(removeCall(cPath(path), cPath2(name)), 'removexattr', `${path} ${name}`);
}

const TAGS = { u: 0x01, user: 0x02, g: 0x04, group: 0x08, m: 0x10, o: 0x20 } as const;

/**
 * Converts `'u::rwx user:1001:r-- g::r-x m::r-x o::---'` to the value of `system.posix_acl_access`
 * (linux/posix_acl_xattr.h). The entries must be in the kernel's order: u, user, g, group, m, o.
 */
export function acl(text: string): Buffer {
  const entries = text.split(' ').map((entry) => {
    const [tag, id, rights] = entry.split(':') as [keyof typeof TAGS, string, string];
    const bits = (rights.includes('r') ? 4 : 0) | (rights.includes('w') ? 2 : 0) | (rights.includes('x') ? 1 : 0);
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(TAGS[tag], 0);
    bytes.writeUInt16LE(bits, 2);
    bytes.writeUInt32LE(id === '' ? 0xffffffff : Number(id), 4);
    return bytes;
  });
  const version = Buffer.alloc(4);
  version.writeUInt32LE(2, 0);
  return Buffer.concat([version, ...entries]);
}

/** Returns a value of `security.capability`, version 2, with CAP_NET_RAW permitted (linux/capability.h). */
export function capability(): Buffer {
  const value = Buffer.alloc(20);
  value.writeUInt32LE(0x02000001, 0);
  value.writeUInt32LE(1 << 13, 4);
  return value;
}
