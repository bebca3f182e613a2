import { IN_HEADER } from '../wire/abi.js';
import type { Request } from '../wire/request.js';

/** sizeof(struct fuse_ioctl_in). */
export const IOCTL_IN = 32;

/** The bytes that the caller of an ioctl(2) passes; null if they are fewer than `least`. */
export function input(request: Request, least: number): Buffer | null {
  const size = request.u32(24);
  if (size < least) return null;
  request.expectBody(IOCTL_IN + size);
  return request.buffer.subarray(IN_HEADER + IOCTL_IN, IN_HEADER + IOCTL_IN + size);
}
