import type { Request } from '../wire/request.js';
import { IoctlIn } from '../wire/request-structs.js';

/** The bytes that the caller of an ioctl(2) passes; null if they are fewer than `least`. */
export function ioctlInput(request: Request, least: number): Buffer | null {
  const size = request.u32(IoctlIn.in_size);
  return size < least ? null : request.bytes(IoctlIn.sizeof, size);
}
