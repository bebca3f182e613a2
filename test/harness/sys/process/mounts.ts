/** Mounts a file system, and unmounts it. */
import { allocate, bind, check, cPath, cPath2 } from '../call.js';

const mountCall = bind<(from: number, at: number, type: number, flags: number, data: number) => number>(
  'int mount(intptr_t, intptr_t, intptr_t, ulong, intptr_t)',
);
const umountCall = bind<(at: number, flags: number) => number>('int umount2(intptr_t, int)');

/** Mounts a file system of this type. `data` holds its options. */
export function mountType(type: string, from: string, at: string, data: string): void {
  const bytes = [`${type}\0`, `${data}\0`].map((text) => {
    const memory = allocate(text.length);
    memory.buffer.write(text, 'latin1');
    return memory.address;
  }) as [number, number];
  check(mountCall(cPath(from), cPath2(at), bytes[0], 0, bytes[1]), 'mount', at);
}

/** Unmounts a file system that is not in use. */
export function umount(at: string): void {
  check(umountCall(cPath(at), 0), 'umount', at);
}

const MS_BIND = 4096;

/** Bind-mounts `from` on `at`. The returned function unmounts it. */
export function bindMount(from: string, at: string): () => void {
  check(mountCall(cPath(from), cPath2(at), 0, MS_BIND, 0), 'mount', at);
  return () => {
    check(umountCall(cPath(at), 2 /* MNT_DETACH */), 'umount', at);
  };
}

/** Bind-mounts `from` on `at`, read-only. The returned function unmounts it. */
export function readOnlyMount(from: string, at: string): () => void {
  const undo = bindMount(from, at);
  check(mountCall(cPath(from), cPath2(at), 0, MS_BIND | 32 /* MS_REMOUNT */ | 1 /* MS_RDONLY */, 0), 'mount', at);
  return undo;
}
