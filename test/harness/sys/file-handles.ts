/** File handles: names of objects that outlive a path (man open_by_handle_at(2)). */
import { AT_FDCWD, allocate, bind, check, cPath } from './call.js';

const handleCall = bind<(fd: number, path: number, handle: number, mountId: number, flags: number) => number>(
  'int name_to_handle_at(int, intptr_t, intptr_t, intptr_t, int)',
);
const openHandleCall = bind<(mountFd: number, handle: number, flags: number) => number>(
  'int open_by_handle_at(int, intptr_t, int)',
);

/** Requests a handle that can only be compared, not opened (man name_to_handle_at(2)). */
export const AT_HANDLE_FID = 0x200;

/** Returns a `struct file_handle` with room for `bytes`. */
export function nameToHandle(path: string, bytes = 128, flags = 0): Buffer {
  const { buffer, address } = allocate(8 + Math.max(bytes, 8));
  buffer.writeUInt32LE(bytes, 0);
  check(handleCall(AT_FDCWD, cPath(path), address, allocate(8).address, flags), 'name_to_handle_at', path);
  return buffer;
}

/** Returns a handle of `bytes` zeros, whose type no file system has. */
export function handleOf(bytes: number): Buffer {
  const handle = Buffer.alloc(8 + bytes);
  handle.writeUInt32LE(bytes, 0);
  handle.writeInt32LE(0x7f, 4);
  return handle;
}

export function openByHandle(mountFd: number, handle: Buffer, flags: number): number {
  const { buffer, address } = allocate(handle.length);
  handle.copy(buffer);
  return check(openHandleCall(mountFd, address, flags), 'open_by_handle_at', mountFd);
}
