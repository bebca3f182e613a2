/**
 * Replaces those internals of fuse-native whose public counterpart loses or corrupts values. See README.md.
 */
import type Fuse from 'fuse-native';
import type { Reply } from 'fuse-native';
import * as attributes from './paths/path-attributes.js';
import * as xattrs from './paths/path-xattrs.js';
import type { Tree } from './paths/tree.js';
import { type Answer, describe, type Requests } from './requests.js';

/** fuse-native.c: op_utimens. */
const OP_UTIMENS = 12;
/** fuse-native.c: offsets in fuse_thread_locals_t on 64-bit machines. */
const AT_OP = 8;
const AT_ATIME = 104;
const AT_MTIME = 112;
const TIME_SIZE = 8;

/**
 * The time of modification in the memory of the thread, in milliseconds. (The package passes the time of
 * access in its place.) Returns undefined if the memory does not have the expected layout: the number of the
 * operation and the time of access are known, and must be at their offsets.
 */
function modificationTime(thread: Buffer, operation: number, atime: bigint): bigint | undefined {
  if (thread.length < AT_MTIME + TIME_SIZE || thread.readUInt32LE(AT_OP) !== operation) return undefined;
  if (thread.readBigInt64LE(AT_ATIME) !== atime) return undefined;
  return thread.readBigInt64LE(AT_MTIME);
}

function signed(low: number, high: number): bigint {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
}

/** Call it before the mount. */
export function override(fuse: Fuse, tree: Tree, requests: Requests): void {
  // The public way turns a link count of 0 into 1.
  fuse._op_getattr = (signal, path) =>
    requests.serve(describe('getattr', path), false, () => attributes.getattr(tree, path), statAnswer(signal));
  // The public way passes only the path, and a file that was removed while open has none.
  fuse._op_fgetattr = (signal, path, file) =>
    requests.serve(describe('fgetattr', path), false, () => attributes.fgetattr(tree, file), statAnswer(signal));
  // The public way replies with the length of a value that does not fit, and libfuse reads beyond the buffer.
  fuse._op_getxattr = (signal, path, name, into) =>
    requests.serve(
      describe('getxattr', path, name),
      false,
      () => xattrs.getxattr(tree, path, name, into),
      bufferAnswer(signal, into),
    );
  fuse._op_listxattr = (signal, path, into) =>
    requests.serve(
      describe('listxattr', path),
      false,
      () => xattrs.listxattr(tree, path, into),
      bufferAnswer(signal, into),
    );
  // The public way passes a wrong time of modification: see modificationTime.
  const utimens = fuse._handlers[OP_UTIMENS];
  fuse._handlers[OP_UTIMENS] = (thread, operation, path, ...[low, high]) => {
    const atime = signed(Number(low), Number(high));
    utimens(thread, operation, path, atime, modificationTime(thread, operation, atime));
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

/** The package needs the buffer in either case, to free it. */
function bufferAnswer(signal: Reply, into: Buffer): Answer<number> {
  return { ok: (length) => signal(length, into.buffer), fail: (errno) => signal(-errno, into.buffer) };
}
