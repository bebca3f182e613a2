/** Mounts that nobody else sees, and that end with the process. */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { bind, check, cPath } from '../call.js';

const unshare = bind<(flags: number) => number>('int unshare(int)');
const mount = bind<(source: number, target: number, type: number, flags: number, data: number) => number>(
  'int mount(intptr_t, intptr_t, intptr_t, ulong, intptr_t)',
);
const umount2 = bind<(target: number, flags: number) => number>('int umount2(intptr_t, int)');

const CLONE_NEWNS = 0x20000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;
const MNT_DETACH = 2;

/**
 * Gives the calling thread, and all processes that it starts from then on, a mount namespace of their own. A
 * loop device whose mount is left over is free when the last of them has ended.
 */
export function ownMounts(): void {
  check(unshare(CLONE_NEWNS), 'unshare', 'CLONE_NEWNS');
  check(mount(0, cPath('/'), 0, MS_REC | MS_PRIVATE, 0), 'mount', '/');
  // The namespace has copies of all mounts. Those of other tests would keep their servers from ending.
  for (const mountpoint of foreignMounts()) umount2(cPath(mountpoint), MNT_DETACH);
}

/**
 * What is mounted where tests have their directories, innermost first, and does not hold the working
 * directory.
 */
function foreignMounts(): string[] {
  const places = [tmpdir(), '/dev/shm', process.env.PLYFS_TEST_DIR ?? tmpdir()];
  const mountpoints = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .flatMap((line) => line.split(' ').slice(4, 5))
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  const foreign = mountpoints.filter(
    (path) => places.some((place) => path.startsWith(`${place}/`)) && !`${process.cwd()}/`.startsWith(`${path}/`),
  );
  return foreign.reverse();
}
