/** Mounts that nobody else sees, and that end with the process. */
import { bind, check, cPath } from './call.js';

const unshare = bind<(flags: number) => number>('int unshare(int)');
const mount = bind<(source: number, target: number, type: number, flags: number, data: number) => number>(
  'int mount(intptr_t, intptr_t, intptr_t, ulong, intptr_t)',
);

const CLONE_NEWNS = 0x20000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;

/**
 * Gives the calling thread, and all processes that it starts from then on, a mount namespace of their own. A loop device whose
 * mount is left over is free when the last of them has ended.
 */
export function ownMounts(): void {
  check(unshare(CLONE_NEWNS), 'unshare', 'CLONE_NEWNS');
  check(mount(0, cPath('/'), 0, MS_REC | MS_PRIVATE, 0), 'mount', '/');
}
