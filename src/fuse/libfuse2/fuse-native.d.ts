/**
 * The parts of fuse-native 2.2.6 that this folder uses. The package is pinned to this version, because
 * members with an underscore are its internals. README.md has the reason for each.
 */
declare module 'fuse-native' {
  namespace Fuse {
    /** `result` is 0 or a negative errno; for read, write, getxattr and listxattr also a number of bytes. */
    type Reply = (result: number, ...values: unknown[]) => void;

    /**
     * An operation that must only exist: the package calls an internal method in its place.
     */
    type Placeholder = () => void;

    /**
     * One function for each request of libfuse. Numbers of open files are those that `open` and `create`
     * returned.
     */
    interface Operations {
      readlink(path: string, reply: Reply): void;
      statfs(path: string, reply: Reply): void;
      getattr: Placeholder;
      fgetattr: Placeholder;
      utimens: Placeholder;
      getxattr: Placeholder;
      listxattr: Placeholder;
      mknod(path: string, mode: number, rdev: number, reply: Reply): void;
      mkdir(path: string, mode: number, reply: Reply): void;
      symlink(target: string, path: string, reply: Reply): void;
      link(from: string, path: string, reply: Reply): void;
      unlink(path: string, reply: Reply): void;
      rmdir(path: string, reply: Reply): void;
      rename(from: string, to: string, reply: Reply): void;
      readdir(path: string, reply: Reply): void;
      chmod(path: string, mode: number, reply: Reply): void;
      chown(path: string, uid: number, gid: number, reply: Reply): void;
      truncate(path: string, size: number, reply: Reply): void;
      ftruncate(path: string, file: number, size: number, reply: Reply): void;
      open(path: string, flags: number, reply: Reply): void;
      create(path: string, mode: number, reply: Reply): void;
      release(path: string, file: number, reply: Reply): void;
      read(path: string, file: number, into: Buffer, size: number, offset: number, reply: Reply): void;
      write(path: string, file: number, from: Buffer, size: number, offset: number, reply: Reply): void;
      fsync(path: string, datasync: number, file: number, reply: Reply): void;
      fsyncdir(path: string, datasync: number, file: number, reply: Reply): void;
      setxattr(path: string, name: string, value: Buffer, position: number, flags: number, reply: Reply): void;
      removexattr(path: string, name: string, reply: Reply): void;
    }

    interface FuseOptions {
      /** false: the package has no time limit. */
      timeout: number | false;
    }

    /**
     * Calls `_op_utimens` with the arguments after `operation`. The package calls it with the time of access
     * in two words. `thread` is the memory of the libfuse thread that made the request.
     */
    type UtimensHandler = (
      thread: Buffer,
      operation: number,
      path: string,
      ...times: [low: number, high: number] | [atime: bigint, mtime: bigint | undefined]
    ) => void;
  }

  class Fuse {
    constructor(mountpoint: string, operations: Fuse.Operations, options: Fuse.FuseOptions);
    /** Calls back when the kernel's INIT has its reply. */
    mount(done: (error: Error | null) => void): void;

    /** The command line for libfuse. */
    _fuseOptions: () => string;
    /** One function for each operation, by its number in fuse-native.c. This folder uses one of them. */
    readonly _handlers: { 12: Fuse.UtimensHandler };
    _op_getattr: (signal: Fuse.Reply, path: string) => void;
    _op_fgetattr: (signal: Fuse.Reply, path: string, file: number) => void;
    _op_getxattr: (signal: Fuse.Reply, path: string, name: string, into: Buffer) => void;
    _op_listxattr: (signal: Fuse.Reply, path: string, into: Buffer) => void;
    /** With the arguments that `overrides.ts` passes. */
    _op_utimens: (signal: Fuse.Reply, path: string, atime: bigint, mtime: bigint | undefined) => void;
  }
  export = Fuse;
}
