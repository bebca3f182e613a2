/** Properties of one thread: its umask, its capabilities, its id. */
import { readdirSync, readlinkSync } from 'node:fs';
import { allocate, bind, check } from '../libc.js';

const unshare = bind<(flags: number) => number>('int unshare(int)');
const umask = bind<(mask: number) => number>('uint umask(uint)');
const capget = bind<(header: number, data: number) => number>('int capget(intptr_t, intptr_t)');
const capset = bind<(header: number, data: number) => number>('int capset(intptr_t, intptr_t)');

const CLONE_FS = 0x200;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const CAP_FSETID = 4;

/**
 * Sets the umask of only the calling thread to 0 (unshare(2), CLONE_FS), because modes are computed with the
 * umask of each request.
 */
export function ownUmask(): void {
  check(unshare(CLONE_FS), 'unshare');
  umask(0);
}

const header = allocate(8);
const data = allocate(24);

let effectiveLow = -1;

/** The thread's effective capabilities below 32. `data` keeps all of them, as nothing else changes them. */
function effectiveCapabilities(): number {
  if (effectiveLow < 0) {
    header.buffer.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
    header.buffer.writeUInt32LE(0, 4);
    check(capget(header.address, data.address), 'capget');
    effectiveLow = data.buffer.readUInt32LE(0);
  }
  return effectiveLow;
}

/**
 * Runs `body` without CAP_FSETID in the thread's effective set, so that the kernel removes set-id bits of the
 * files that `body` writes, as for an ordinary user.
 */
export function withoutFsetid<T>(body: () => T): T {
  const effective = effectiveCapabilities();
  if ((effective & (1 << CAP_FSETID)) === 0) return body();
  data.buffer.writeUInt32LE((effective & ~(1 << CAP_FSETID)) >>> 0, 0);
  check(capset(header.address, data.address), 'capset');
  try {
    return body();
  } finally {
    data.buffer.writeUInt32LE(effective, 0);
    check(capset(header.address, data.address), 'capset');
  }
}

/** The ids of all threads of the process. */
export function threadIds(): number[] {
  return readdirSync('/proc/self/task').map(Number);
}

/** The id of the calling thread. */
export function ownThreadId(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}
