/**
 * Calls that reach an object otherwise than by a path alone: relative to a descriptor, by a file handle, as a
 * working directory, as a program, by a mount.
 */
import { AT_FDCWD, allocate, bind, check, checkReturned, cPath, cPath2 } from './call.js';

const syscall6 = bind<(n: number, fd: number, path: number, a: number, b: number, c: number) => number>(
  'long syscall(long, long, long, long, long, long)',
);
const chdirCall = bind<(path: number) => number>('int chdir(intptr_t)');
const fchdirCall = bind<(fd: number) => number>('int fchdir(int)');
const spawnCall = bind<
  (pid: number, path: number, actions: number, attributes: number, argv: number, env: number) => number
>('int posix_spawn(intptr_t, intptr_t, intptr_t, intptr_t, intptr_t, intptr_t)');
const waitpidCall = bind<(pid: number, status: number, options: number) => number>('int waitpid(int, intptr_t, int)');
const linkatCall = bind<(fd: number, path: number, toFd: number, to: number, flags: number) => number>(
  'int linkat(int, intptr_t, int, intptr_t, int)',
);
const handleCall = bind<(fd: number, path: number, handle: number, mountId: number, flags: number) => number>(
  'int name_to_handle_at(int, intptr_t, intptr_t, intptr_t, int)',
);
const openHandleCall = bind<(mountFd: number, handle: number, flags: number) => number>(
  'int open_by_handle_at(int, intptr_t, int)',
);
const mountCall = bind<(from: number, at: number, type: number, flags: number, data: number) => number>(
  'int mount(intptr_t, intptr_t, intptr_t, ulong, intptr_t)',
);
const umountCall = bind<(at: number, flags: number) => number>('int umount2(intptr_t, int)');

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

/** Changes the working directory to `path` and back. */
export function chdir(path: string): void {
  const before = process.cwd();
  check(chdirCall(cPath(path)), 'chdir', path);
  process.chdir(before);
}

export function fchdir(fd: number): void {
  const before = process.cwd();
  check(fchdirCall(fd), 'fchdir', fd);
  process.chdir(before);
}

/**
 * Starts a program with these arguments and no environment, and returns its pid. Fails with the errno of
 * execve(2).
 */
function spawn(path: string, args: readonly string[]): number {
  const pid = allocate(8);
  const words = allocate(8 * (args.length + 2));
  const texts = [path, ...args].map((arg) => Buffer.from(`${arg}\0`, 'latin1'));
  const memories = texts.map((text) => {
    const memory = allocate(text.length);
    text.copy(memory.buffer);
    return memory;
  });
  memories.forEach(({ address }, i) => {
    words.buffer.writeBigInt64LE(BigInt(address), i * 8);
  });
  const environment = allocate(8).address;
  checkReturned(spawnCall(pid.address, cPath(path), 0, 0, words.address, environment), 'execve', path);
  return pid.buffer.readInt32LE(0);
}

/** Runs a program to its end and returns its exit status. */
export function exec(path: string, ...args: readonly string[]): number {
  const pid = spawn(path, args);
  const status = allocate(8);
  check(waitpidCall(pid, status.address, 0), 'waitpid', path);
  return status.buffer.readInt32LE(0) >> 8;
}

/** Starts a program that runs until the caller calls the returned function. */
export function start(path: string, ...args: readonly string[]): () => void {
  const pid = spawn(path, args);
  return () => {
    process.kill(pid, 'SIGKILL');
    check(waitpidCall(pid, allocate(8).address, 0), 'waitpid', path);
  };
}

/** Requests a handle that can only be compared, not opened (man name_to_handle_at(2)). */
export const AT_HANDLE_FID = 0x200;
const AT_EMPTY_PATH = 0x1000;

/** Links the object of `fd` to a name, by linkat(2) with AT_EMPTY_PATH. */
export function linkDescriptor(fd: number, to: string): void {
  check(linkatCall(fd, cPath(''), AT_FDCWD, cPath2(to), AT_EMPTY_PATH), 'link AT_EMPTY_PATH', to);
}

/** Returns a `struct file_handle` with room for `bytes`. */
export function nameToHandle(path: string, bytes = 128, flags = 0): Buffer {
  const { buffer, address } = allocate(8 + Math.max(bytes, 8));
  buffer.writeUInt32LE(bytes, 0);
  check(handleCall(AT_FDCWD, cPath(path), address, allocate(8).address, flags), 'name_to_handle_at', path);
  return buffer;
}

/** Returns a handle of `bytes` zeros, whose type no file system has. */
export function handleOf(bytes: number): Buffer {
  const handle = Buffer.alloc(8 + bytes);
  handle.writeUInt32LE(bytes, 0);
  handle.writeInt32LE(0x7f, 4);
  return handle;
}

export function openByHandle(mountFd: number, handle: Buffer, flags: number): number {
  const { buffer, address } = allocate(handle.length);
  handle.copy(buffer);
  return check(openHandleCall(mountFd, address, flags), 'open_by_handle_at', mountFd);
}

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
