/** A mount namespace for a test, which ends with its processes. */
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
 * Moves the calling thread, and all processes that it starts from then on, into a mount namespace of their
 * own. When the last of them has ended, the kernel frees a loop device whose mount was left over.
 */
export function ownMounts(): void {
  check(unshare(CLONE_NEWNS), 'unshare', 'CLONE_NEWNS');
  check(mount(0, cPath('/'), 0, MS_REC | MS_PRIVATE, 0), 'mount', '/');
  // The namespace has copies of all mounts. A copy of another test's mount would keep the server of that
  // mount alive.
  for (const mountpoint of foreignMounts()) umount2(cPath(mountpoint), MNT_DETACH);
}

/**
 * Returns the mounts below the directories where tests have their files, innermost first, without those that
 * contain the working directory.
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
