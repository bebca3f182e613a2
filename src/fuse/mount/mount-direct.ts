/** Mounts with mount(2): as root, or inside a user namespace. */
import { S_IFDIR } from '../../core/file-mode.js';
import { O_NONBLOCK, O_RDWR } from '../../core/flags.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { mountFs } from '../../sys/mount.js';
import type { MountRequest } from './mount-request.js';

/** The options that fs/fuse parses itself. It requires all but the last two. */
function mountData({ allowOther }: MountRequest, fd: number): string {
  const ids = `user_id=${process.geteuid?.() ?? 0},group_id=${process.getegid?.() ?? 0}`;
  const data = `fd=${fd},rootmode=${S_IFDIR.toString(8)},${ids},default_permissions`;
  return allowOther ? `${data},allow_other` : data;
}

/**
 * Opens /dev/fuse and mounts it. Returns the fd, from which the server reads requests. Throws the errno of
 * either.
 */
export function mountDirect(request: MountRequest): number {
  const { fsname, target, subtype, flags } = request;
  const fd = openTrusted('/dev/fuse', O_RDWR | O_NONBLOCK);
  try {
    mountFs(fsname, target, subtype === '' ? 'fuse' : `fuse.${subtype}`, flags, mountData(request, fd));
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
