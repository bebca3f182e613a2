/** mount(2), umount2(2). */
import { allocate, bind, check, cPath, cPath2 } from './libc.js';

const mountCall = bind<(source: number, target: number, type: number, flags: number, data: number) => number>(
  'int mount(intptr_t, intptr_t, intptr_t, ulong, intptr_t)',
);
const umountCall = bind<(target: number, flags: number) => number>('int umount2(intptr_t, int)');

/** mount(2) flags (linux/mount.h). */
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_NOATIME = 1024;
/** umount2(2). */
export const MNT_DETACH = 2;

const strings = allocate(8192);

/** All strings latin1-decoded bytes. `data` is what the file system parses, at most a page. */
export function mountFs(source: string, target: string, type: string, flags: number, data: string): void {
  const put = (text: string, at: number): number => {
    strings.buffer.write(`${text}\0`, at, 'latin1');
    return strings.address + at;
  };
  check(mountCall(cPath2(source), cPath(target), put(type, 0), flags, put(data, 256)), 'mount');
}

export function umountFs(target: string, flags = 0): void {
  check(umountCall(cPath(target), flags), 'umount2');
}
