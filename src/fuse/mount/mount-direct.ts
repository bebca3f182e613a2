/** Mounting with mount(2): as root, and inside a user namespace. */
import { O_NONBLOCK, O_RDWR } from '../../core/flags.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { mountFs } from '../../sys/mount.js';
import type { MountRequest } from './mount-request.js';

/** The options that fs/fuse parses itself; all are needed but the last two. */
function mountData(request: MountRequest, fd: number): string {
  const ids = `user_id=${process.geteuid?.() ?? 0},group_id=${process.getegid?.() ?? 0}`;
  let data = `fd=${fd},rootmode=${request.rootMode.toString(8)},${ids}`;
  if (request.defaultPermissions) data += ',default_permissions';
  if (request.allowOther) data += ',allow_other';
  return data;
}

/**
 * Opens /dev/fuse and mounts it. Returns the fd, which now is the mount's server side. Throws what open or
 * mount said.
 */
export function mountDirect(request: MountRequest): number {
  const fd = openTrusted('/dev/fuse', O_RDWR | O_NONBLOCK);
  try {
    const type = request.subtype === '' ? 'fuse' : `fuse.${request.subtype}`;
    const source = request.fsname === '' ? request.source : request.fsname;
    mountFs(source, request.target, type, request.flags, mountData(request, fd));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
