/** The mount options of libfuse 2 (man mount.fuse(8)), as fuse-native hands them over. */
import { Errno, fsError } from '../../core/errno.js';
import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../../core/flags.js';
import type { MountRequest } from '../mount/mount-request.js';
import { toExactText } from './paths/text.js';

/** fuse-native.c copies them, and the mountpoint, into arrays of this size. */
export const MAX_TEXT = 1024;

/** lib/fuse_opt.c: a comma ends an option, a backslash takes the next character's meaning away. */
function escaped(text: string): string {
  return text.replace(/[\\,]/g, '\\$&');
}

/**
 * Options for the kernel's caches. It keeps names, because all changes of names go through it. It keeps no
 * attributes while they can change: here each name of a file is a file of its own to the kernel, and no
 * message tells the kernel that a copy-up or a change through another name has made its attributes old.
 */
function caching(timeout: number, readOnly: boolean): string[] {
  return [
    `entry_timeout=${timeout}`,
    `negative_timeout=${timeout}`,
    `attr_timeout=${readOnly ? timeout : 0}`,
    ...(readOnly ? ['kernel_cache'] : []),
  ];
}

/** Throws ENAMETOOLONG for what fuse-native would cut off, EILSEQ for what is not UTF-8. */
export function libfuseOptions(request: MountRequest, timeout: number): string {
  const { flags, fsname, source, subtype } = request;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const shown = fsname === '' ? source : fsname;
  const options = [
    'use_ino',
    'big_writes',
    'nonempty',
    ...caching(timeout, has(MS_RDONLY)),
    ...(request.defaultPermissions ? ['default_permissions'] : []),
    ...(request.allowOther ? ['allow_other'] : []),
    ...(has(MS_RDONLY) ? ['ro'] : []),
    // libfuse's own defaults are nosuid and nodev, and fusermount lets nobody ask for more.
    ...(has(MS_NOSUID) ? [] : ['suid']),
    ...(has(MS_NODEV) ? [] : ['dev']),
    ...(has(MS_NOEXEC) ? ['noexec'] : []),
    // libfuse 2 knows no other option for access times. The server applies the others itself.
    ...(has(MS_NOATIME) ? ['noatime'] : []),
    ...(shown === '' ? [] : [`fsname=${escaped(toExactText(shown))}`]),
    ...(subtype === '' ? [] : [`subtype=${escaped(toExactText(subtype))}`]),
  ];
  const text = `-o${options.join(',')}`;
  if (Buffer.byteLength(text) >= MAX_TEXT) throw fsError(Errno.ENAMETOOLONG, 'mount options');
  return text;
}
