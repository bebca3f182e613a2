/** Requests about the data of regular files. */
import { Errno } from '../../core/errno.js';
import { O_SYNC } from '../../core/flags.js';
import type { Entry, Opened } from '../operations.js';
import {
  FSYNC_FDATASYNC,
  IN_HEADER,
  MAX_DATA,
  OPEN_KILL_SUIDGID,
  OUT_HEADER,
  WRITE_CACHE,
  WRITE_KILL_SUIDGID,
} from '../wire/abi.js';
import { ProtocolError } from '../wire/request.js';
import type { Exchange } from './exchange.js';

/** The kernel's own bound for one copy (fs.h MAX_RW_COUNT); COPY_FILE_RANGE's answer has 32 bits. */
const MAX_RW_COUNT = 0x7ffff000;
/** sizeof(struct fuse_write_in). */
const WRITE_IN = 40;

/** u32 flags, open_flags */
export function open(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(8);
  const killFor = (request.u32(4) & OPEN_KILL_SUIDGID) !== 0 ? exchange.caller() : null;
  reply.opened(operations.open(request.nodeid, request.u32(0), killFor));
  return 0;
}

function answerCreated({ reply }: Exchange, made: { entry: Entry; opened: Opened }): number {
  reply.entry(made.entry);
  reply.opened(made.opened);
  return 0;
}

/** u32 flags, mode, umask, open_flags; name */
export function create(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(16);
  const caller = exchange.caller(request.u32(8));
  const name = request.name(16);
  return answerCreated(exchange, operations.create(request.nodeid, name, request.u32(4), request.u32(0), caller));
}

/** As CREATE; the name it carries is the kernel's invention for its own dentry. */
export function tmpfile(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(16);
  const caller = exchange.caller(request.u32(8));
  return answerCreated(exchange, operations.tmpfile(request.nodeid, request.u32(4), request.u32(0), caller));
}

/** u64 fh, u32 flags, release_flags, u64 lock_owner */
export function release({ request, operations }: Exchange): number {
  request.expectBody(24);
  operations.release(request.nodeid, request.u32(8));
  return 0;
}

/** u64 fh, offset, u32 size, read_flags, u64 lock_owner, u32 flags, padding */
export function read({ request, reply, operations }: Exchange): number {
  request.expectBody(40);
  const size = Math.min(request.u32(16), MAX_DATA);
  const offset = request.u64(8);
  // Behind the end of any file.
  if (offset > Number.MAX_SAFE_INTEGER) return 0;
  reply.size = operations.read(request.nodeid, reply.buffer, OUT_HEADER, size, offset, request.u32(32));
  return 0;
}

/** u64 fh, offset, u32 size, write_flags, u64 lock_owner, u32 flags, padding; data */
export function write(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(WRITE_IN);
  const size = request.u32(16);
  if (request.length !== IN_HEADER + WRITE_IN + size) throw new ProtocolError('WRITE without all of its data');
  const writeFlags = request.u32(20);
  const from = IN_HEADER + WRITE_IN;
  const offset = request.fileOffset(8);
  if ((writeFlags & WRITE_CACHE) !== 0) {
    reply.u32Answer(operations.writeBack(request.nodeid, request.buffer, from, size, offset));
    return 0;
  }
  const killFor = (writeFlags & WRITE_KILL_SUIDGID) !== 0 ? exchange.caller() : null;
  // With a volatile upper no write waits for the disk.
  const flags = operations.noSync ? request.u32(32) & ~O_SYNC : request.u32(32);
  reply.u32Answer(operations.write(request.nodeid, request.buffer, from, size, offset, killFor, flags));
  return 0;
}

/** u64 fh, u32 fsync_flags, padding */
export function fsync({ request, operations }: Exchange): number {
  request.expectBody(16);
  operations.fsync(request.nodeid, (request.u32(8) & FSYNC_FDATASYNC) !== 0);
  return 0;
}

/** u64 fh, offset, length, u32 mode, padding */
export function fallocate(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(32);
  const offset = request.fileOffset(8);
  operations.fallocate(request.nodeid, request.u32(24), offset, request.fileOffset(16), exchange.caller());
  return 0;
}

/** u64 fh, offset, u32 whence, padding */
export function lseek({ request, reply, operations }: Exchange): number {
  request.expectBody(24);
  const offset = request.u64(8);
  // Behind the end of any file there is neither data nor a hole (man lseek(2)).
  if (offset > Number.MAX_SAFE_INTEGER) return Errno.ENXIO;
  reply.u64Answer(operations.lseek(request.nodeid, offset, request.u32(16)));
  return 0;
}

/**
 * u64 fh_in, off_in, nodeid_out, fh_out, off_out, len, flags. A short copy is an answer: the caller goes on.
 */
function copied(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(56);
  const length = Math.min(request.u64(40), MAX_RW_COUNT);
  const from = request.fileOffset(8);
  const to = request.nodeidAt(16);
  return operations.copyFileRange(request.nodeid, from, to, request.fileOffset(32), length, exchange.caller());
}

export function copyFileRange(exchange: Exchange): number {
  exchange.reply.u32Answer(copied(exchange));
  return 0;
}

/** The same request; its answer has 64 bits (7.45). */
export function copyFileRange64(exchange: Exchange): number {
  exchange.reply.u64Answer(copied(exchange));
  return 0;
}
