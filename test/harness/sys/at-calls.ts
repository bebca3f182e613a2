/** Calls on a path relative to a descriptor, or with flags AT_*. */
import { AT_FDCWD, allocate, bind, check, cPath, cPath2 } from './call.js';

const syscall6 = bind<(n: number, fd: number, path: number, a: number, b: number, c: number) => number>(
  'long syscall(long, long, long, long, long, long)',
);
const linkatCall = bind<(fd: number, path: number, toFd: number, to: number, flags: number) => number>(
  'int linkat(int, intptr_t, int, intptr_t, int)',
);

const AT_EMPTY_PATH = 0x1000;

/** The `*at` calls: numbers on x86-64 (asm/unistd_64.h), and arguments after the path that are valid. */
const AT_CALLS = {
  open: [257, 0, 0],
  mkdir: [258, 0o755, 0],
  mknod: [259, 0o010644, 0],
  chown: [260, 0, 0],
  unlink: [263, 0, 0],
  rmdir: [263, 0x200, 0],
  readlink: [267, 0, 1],
  chmod: [268, 0o600, 0],
  utimensat: [280, 0, 0],
  name_to_handle_at: [303, 0, 0],
  rename: [264, AT_FDCWD, 0],
  link: [265, AT_FDCWD, 0],
  stat: [332, 0, 0x7ff],
  access: [439, 0, 0],
} as const;
export type AtCall = keyof typeof AT_CALLS;
export const AT_CALL_NAMES = Object.keys(AT_CALLS) as AtCall[];

/** Makes the call of this name on `path` relative to `dirfd`. */
export function at(call: AtCall, dirfd: number, path: string): void {
  const [number, first, second] = AT_CALLS[call];
  // link and rename take a second path. The other calls take flags or memory; the kernel refuses the path
  // before it reads them.
  const third = call === 'link' || call === 'rename' ? cPath2('elsewhere') : second;
  check(syscall6(number, dirfd, cPath(path), first, third, 0), call, `${dirfd} ${path}`);
}

/** Makes `symlinkat`, whose descriptor is its second argument. */
export function symlinkAt(target: string, dirfd: number, path: string): void {
  check(syscall6(266, cPath2(target), dirfd, cPath(path), 0, 0), 'symlink', `${dirfd} ${path}`);
}

/** Calls that {@link withFlags} can make with any flags. */
const FLAG_CALLS = { chmod: 452, chown: 260, access: 439, unlink: 263, stat: 332, utimensat: 280 } as const;

/** Makes a call on `path` with flags AT_*. `argument` is the mode of chmod and access. */
export function withFlags(call: keyof typeof FLAG_CALLS, path: string, flags: number, argument = 0): void {
  const at = cPath(path);
  const number = FLAG_CALLS[call];
  const result =
    call === 'unlink'
      ? syscall6(number, AT_FDCWD, at, flags, 0, 0)
      : call === 'stat'
        ? syscall6(number, AT_FDCWD, at, flags, 0x7ff, allocate(256).address)
        : call === 'chown'
          ? syscall6(number, AT_FDCWD, at, 0xffffffff, 0xffffffff, flags)
          : syscall6(number, AT_FDCWD, at, argument, flags, 0);
  check(result, call, path);
}

/** Links the object of `fd` to a name, by linkat(2) with AT_EMPTY_PATH. */
export function linkDescriptor(fd: number, to: string): void {
  check(linkatCall(fd, cPath(''), AT_FDCWD, cPath2(to), AT_EMPTY_PATH), 'link AT_EMPTY_PATH', to);
}
