/**
 * A mount namespace starts with copies of all mounts. As long as a sandbox has them, a file system that other
 * programs unmount does not end: its FUSE server keeps running, and the disk of its layers stays in use.
 */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { run } from './shell.mjs';

/** The directories in which programs have their scratch files. */
const PLACES = ['/tmp', '/var/tmp', '/dev/shm', '/mnt', '/media'];

/**
 * Detaches this namespace's copies of what others have mounted there. Mounts that hold one of `kept` stay.
 */
export function detachForeignMounts(kept) {
  for (const path of foreignMounts(readFileSync('/proc/self/mountinfo', 'utf8'), [...PLACES, tmpdir()], kept))
    run('umount', ['--no-canonicalize', '--internal-only', '--lazy', path]);
}

/** The mountpoints of `mountinfo` that lie below `places` and hold none of `kept`, the inner ones first. */
export function foreignMounts(mountinfo, places, kept) {
  return mountinfo
    .split('\n')
    .flatMap((line) => line.split(' ').slice(4, 5))
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => places.some((place) => path.startsWith(`${place}/`)))
    .filter((path) => !kept.some((needed) => `${needed}/`.startsWith(`${path}/`)))
    .sort((a, b) => b.length - a.length);
}
