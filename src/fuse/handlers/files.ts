/** Requests about the data of regular files. */
import { Errno } from '../../core/errno.js';
import { O_SYNC } from '../../core/flags.js';
import type { CreatedFile, NewFile } from '../operations.js';
import { MAX_DATA, OPEN_KILL_SUIDGID, WRITE_CACHE, WRITE_KILL_SUIDGID } from '../wire/abi.js';
import { OutHeader } from '../wire/reply-structs.js';
import { ProtocolError, type Request } from '../wire/request.js';
import {
  CopyFileRangeIn,
  CreateIn,
  FallocateIn,
  InHeader,
  LseekIn,
  OpenIn,
  ReadIn,
  ReleaseIn,
  WriteIn,
} from '../wire/request-structs.js';
import type { Exchange } from './exchange.js';

/**
 * The kernel's limit for one copy (fs.h MAX_RW_COUNT). The reply to COPY_FILE_RANGE has 32 bits for the
 * count.
 */
const MAX_RW_COUNT = 0x7ffff000;

export function open(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(OpenIn.sizeof);
  const killSetIdFor = (request.u32(OpenIn.open_flags) & OPEN_KILL_SUIDGID) !== 0 ? exchange.caller() : null;
  reply.appendOpened(operations.open(request.nodeid, request.u32(OpenIn.flags), killSetIdFor));
  return 0;
}

function replyCreated({ reply }: Exchange, { entry, opened }: CreatedFile): number {
  reply.appendEntry(entry);
  reply.appendOpened(opened);
  return 0;
}

function newFile(request: Request): NewFile {
  return { mode: request.u32(CreateIn.mode), flags: request.u32(CreateIn.flags) };
}

export function create(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(CreateIn.sizeof);
  const caller = exchange.caller(request.u32(CreateIn.umask));
  const name = request.name(CreateIn.sizeof);
  return replyCreated(exchange, operations.create(request.nodeid, name, newFile(request), caller));
}

/** The body is that of CREATE. Its name is not read: the kernel made it up for its own dentry. */
export function tmpfile(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(CreateIn.sizeof);
  const caller = exchange.caller(request.u32(CreateIn.umask));
  return replyCreated(exchange, operations.tmpfile(request.nodeid, newFile(request), caller));
}

export function release({ request, operations }: Exchange): number {
  request.expectBody(ReleaseIn.sizeof);
  operations.release(request.nodeid, request.u32(ReleaseIn.flags));
  return 0;
}

export function read({ request, reply, operations }: Exchange): number {
  request.expectBody(ReadIn.sizeof);
  const size = Math.min(request.u32(ReadIn.size), MAX_DATA);
  const offset = request.u64(ReadIn.offset);
  // No file is that long, so the offset is after the end of the file: the reply has no data.
  if (offset > Number.MAX_SAFE_INTEGER) return 0;
  const flags = request.u32(ReadIn.flags);
  reply.size = operations.read(request.nodeid, reply.buffer, OutHeader.sizeof, size, offset, flags);
  return 0;
}

export function write(exchange: Exchange): number {
  const { request, reply, operations } = exchange;
  request.expectBody(WriteIn.sizeof);
  const from = InHeader.sizeof + WriteIn.sizeof;
  const size = request.u32(WriteIn.size);
  if (request.length !== from + size) throw new ProtocolError('WRITE without all of its data');
  const writeFlags = request.u32(WriteIn.write_flags);
  const offset = request.fileOffset(WriteIn.offset);
  if ((writeFlags & WRITE_CACHE) !== 0) {
    reply.written(operations.writeBack(request.nodeid, request.buffer, from, size, offset));
    return 0;
  }
  const killSetIdFor = (writeFlags & WRITE_KILL_SUIDGID) !== 0 ? exchange.caller() : null;
  // With a volatile upper no write waits for the disk.
  const flags = operations.noSync ? request.u32(WriteIn.flags) & ~O_SYNC : request.u32(WriteIn.flags);
  reply.written(operations.write(request.nodeid, request.buffer, from, size, offset, killSetIdFor, flags));
  return 0;
}

export function fallocate(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(FallocateIn.sizeof);
  const allocation = {
    mode: request.u32(FallocateIn.mode),
    offset: request.fileOffset(FallocateIn.offset),
    length: request.fileOffset(FallocateIn.length),
  };
  operations.fallocate(request.nodeid, allocation, exchange.caller());
  return 0;
}

export function lseek({ request, reply, operations }: Exchange): number {
  request.expectBody(LseekIn.sizeof);
  const offset = request.u64(LseekIn.offset);
  // No file is that long: after its end there is neither data nor a hole (man lseek(2)).
  if (offset > Number.MAX_SAFE_INTEGER) return Errno.ENXIO;
  reply.position(operations.lseek(request.nodeid, offset, request.u32(LseekIn.whence)));
  return 0;
}

/**
 * Copies, and returns how many bytes were copied. If the application wants more bytes, it repeats the call.
 */
function copy(exchange: Exchange): number {
  const { request, operations } = exchange;
  request.expectBody(CopyFileRangeIn.sizeof);
  const range = {
    from: request.nodeid,
    fromOffset: request.fileOffset(CopyFileRangeIn.off_in),
    to: request.nodeidAt(CopyFileRangeIn.nodeid_out),
    toOffset: request.fileOffset(CopyFileRangeIn.off_out),
    length: Math.min(request.u64(CopyFileRangeIn.len), MAX_RW_COUNT),
  };
  return operations.copyFileRange(range, exchange.caller());
}

export function copyFileRange(exchange: Exchange): number {
  exchange.reply.written(copy(exchange));
  return 0;
}

/** The body is that of COPY_FILE_RANGE; the reply has 64 bits for the count (7.45). */
export function copyFileRange64(exchange: Exchange): number {
  exchange.reply.written64(copy(exchange));
  return 0;
}
