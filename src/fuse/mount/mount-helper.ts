/**
 * Mounting with fusermount3: as an ordinary user. The helper opens /dev/fuse, mounts it, and sends the fd
 * over a socket.
 */

import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../../core/flags.js';
import { close } from '../../sys/files/open.js';
import { receiveFd, setNonBlocking, socketPair } from '../../sys/process/fd-passing.js';
import { argument, runFusermount } from './fusermount.js';
import type { MountRequest } from './mount-request.js';

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [MS_RDONLY, 'ro'],
  [MS_NOSUID, 'nosuid'],
  [MS_NODEV, 'nodev'],
  [MS_NOEXEC, 'noexec'],
  [MS_NOATIME, 'noatime'],
];

/** The helper splits at commas that no backslash precedes. */
function escaped(value: string): string {
  return value.replace(/[\\,]/g, '\\$&');
}

/** The helper adds rootmode, user_id and group_id, and nosuid and nodev whether asked for or not. */
export function helperOptions(request: MountRequest): string {
  const options = FLAG_NAMES.filter(([flag]) => (request.flags & flag) !== 0).map(([, name]) => name);
  if (request.allowOther) options.push('allow_other');
  if (request.defaultPermissions) options.push('default_permissions');
  const source = request.fsname === '' ? request.source : request.fsname;
  if (source !== '') options.push(`fsname=${escaped(source)}`);
  if (request.subtype !== '') options.push(`subtype=${escaped(request.subtype)}`);
  return options.join(',');
}

/** Mounts, and returns the server side's fd. Throws {@link HelperError} with what the helper said. */
export function mountWithHelper(request: MountRequest): number {
  const [ours, theirs] = socketPair();
  try {
    runFusermount(['-o', argument(helperOptions(request)), '--', argument(request.target)], theirs);
    const fd = receiveFd(ours);
    setNonBlocking(fd);
    return fd;
  } finally {
    close(ours);
    close(theirs);
  }
}
