/**
 * Mounts with fusermount3, as an ordinary user. The helper opens /dev/fuse, mounts it, and sends the fd over
 * a socket.
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

/** Escapes commas: the helper splits its options at commas without a backslash before them. */
function escaped(value: string): string {
  return value.replace(/[\\,]/g, '\\$&');
}

/** The helper adds rootmode, user_id and group_id itself, and always nosuid and nodev. */
export function helperOptions({ fsname, subtype, flags, allowOther }: MountRequest): string {
  const options = FLAG_NAMES.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
  if (allowOther) options.push('allow_other');
  options.push('default_permissions');
  if (fsname !== '') options.push(`fsname=${escaped(fsname)}`);
  if (subtype !== '') options.push(`subtype=${escaped(subtype)}`);
  return options.join(',');
}

/**
 * Mounts, and returns the fd from which the server reads requests. Throws {@link HelperError} with the
 * message of the helper.
 */
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
