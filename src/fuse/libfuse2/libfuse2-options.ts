/** The mount options of libfuse 2 (man mount.fuse(8)). fuse-native passes them on. */
import { Errno, fsError } from '../../core/errno.js';
import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../../core/flags.js';
import type { MountRequest } from '../mount/mount-request.js';
import { toExactText } from './paths/text.js';

/** fuse-native.c copies the options, and the mountpoint, into arrays of this many bytes. */
export const MAX_TEXT = 1024;

/** Escapes commas (lib/fuse_opt.c): a comma ends an option unless a backslash is before it. */
function escaped(text: string): string {
  return text.replace(/[\\,]/g, '\\$&');
}

/**
 * Options for the kernel's caches. The kernel caches names, because all changes of names pass through it. It
 * caches no attributes that can change. With libfuse 2 each name of a file is a separate file to the kernel.
 * If a copy-up or a change through another name makes cached attributes stale, no message reports that to the
 * kernel.
 */
function caching(timeout: number, readOnly: boolean): string[] {
  return [
    `entry_timeout=${timeout}`,
    `negative_timeout=${timeout}`,
    `attr_timeout=${readOnly ? timeout : 0}`,
    ...(readOnly ? ['kernel_cache'] : []),
  ];
}

/** Throws ENAMETOOLONG if fuse-native would truncate the options, EILSEQ if a value is not UTF-8. */
export function libfuseOptions({ flags, fsname, subtype, allowOther }: MountRequest, timeout: number): string {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const options = [
    'use_ino',
    'big_writes',
    'nonempty',
    ...caching(timeout, has(MS_RDONLY)),
    'default_permissions',
    ...(allowOther ? ['allow_other'] : []),
    ...(has(MS_RDONLY) ? ['ro'] : []),
    // nosuid and nodev are the defaults of libfuse. fusermount lets no ordinary user turn them off.
    ...(has(MS_NOSUID) ? [] : ['suid']),
    ...(has(MS_NODEV) ? [] : ['dev']),
    ...(has(MS_NOEXEC) ? ['noexec'] : []),
    // libfuse 2 has no other option for access times. The server applies the others itself.
    ...(has(MS_NOATIME) ? ['noatime'] : []),
    ...(fsname === '' ? [] : [`fsname=${escaped(toExactText(fsname))}`]),
    ...(subtype === '' ? [] : [`subtype=${escaped(toExactText(subtype))}`]),
  ];
  const text = `-o${options.join(',')}`;
  if (Buffer.byteLength(text) >= MAX_TEXT) throw fsError(Errno.ENAMETOOLONG, 'mount options');
  return text;
}
