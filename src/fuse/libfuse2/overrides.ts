/** Requests that fuse-native's public interface gets wrong, taken where they still are whole. */
import type Fuse from 'fuse-native';
import type { Reply } from 'fuse-native';
import * as attributes from './paths/path-attributes.js';
import * as xattrs from './paths/path-xattrs.js';
import type { Tree } from './paths/tree.js';
import { type Answer, describe, type Requests } from './requests.js';

/** fuse-native.c: op_utimens, and fields of fuse_thread_locals_t where pointers have 64 bits. */
const OP_UTIMENS = 12;
const AT_OP = 8;
const AT_ATIME = 104;
const AT_MTIME = 112;

/**
 * The time of modification in the thread's memory, in milliseconds: what fuse-native gives as such is the
 * time of access once more. undefined where the memory is not laid out as expected, by the values that are
 * known.
 */
function modificationTime(thread: Buffer, operation: number, atime: bigint): bigint | undefined {
  if (thread.length < AT_MTIME + 8 || thread.readUInt32LE(AT_OP) !== operation) return undefined;
  if (thread.readBigInt64LE(AT_ATIME) !== atime) return undefined;
  return thread.readBigInt64LE(AT_MTIME);
}

function signed(low: number, high: number): bigint {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
}

/** Before the mount. */
export function override(fuse: Fuse, tree: Tree, requests: Requests): void {
  // Public: a link count of 0 becomes 1.
  fuse._op_getattr = (signal, path) =>
    requests.serve(describe('getattr', path), false, () => attributes.getattr(tree, path), statAnswer(signal));
  // Public: by path, which a file that was removed while open does not need to have.
  fuse._op_fgetattr = (signal, path, file) =>
    requests.serve(describe('fgetattr', path), false, () => attributes.fgetattr(tree, file), statAnswer(signal));
  // Public: a value longer than the room for it is answered with its length, and libfuse reads on behind the
  // room.
  fuse._op_getxattr = (signal, path, name, into) =>
    requests.serve(
      describe('getxattr', path, name),
      false,
      () => xattrs.getxattr(tree, path, name, into),
      filled(signal, into),
    );
  fuse._op_listxattr = (signal, path, into) =>
    requests.serve(describe('listxattr', path), false, () => xattrs.listxattr(tree, path, into), filled(signal, into));
  // Public: see modificationTime.
  const utimens = fuse._handlers[OP_UTIMENS];
  fuse._handlers[OP_UTIMENS] = (thread, operation, path, low, high) => {
    const atime = signed(low as number, high as number);
    utimens?.(thread, operation, path, atime, modificationTime(thread, operation, atime));
  };
  fuse._op_utimens = (signal, path, atime, mtime) =>
    requests.serve(describe('utimens', path), true, () => attributes.utimens(tree, path, atime, mtime), {
      ok: () => signal(0),
      fail: (errno) => signal(-errno),
    });
}

function statAnswer(signal: Reply): Answer<Uint32Array> {
  return { ok: (words) => signal(0, words), fail: (errno) => signal(-errno) };
}

/** fuse-native lets go of the room in either case. */
function filled(signal: Reply, into: Buffer): Answer<number> {
  return { ok: (length) => signal(length, into.buffer), fail: (errno) => signal(-errno, into.buffer) };
}
