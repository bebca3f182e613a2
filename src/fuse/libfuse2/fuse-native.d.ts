/**
 * The parts of fuse-native 2.2.6 that this folder uses. The members with an underscore are not meant for
 * users of the package; each use of one says what the public way gets wrong. The package is pinned to this
 * version.
 */
declare module 'fuse-native' {
  namespace Fuse {
    /** A negative errno, or 0; for read, write, getxattr and listxattr the number of bytes. */
    type Reply = (result: number, ...values: unknown[]) => void;

    interface FuseOptions {
      /** false: no time limit of the package's own. */
      timeout: number | false;
    }
  }

  class Fuse {
    constructor(mountpoint: string, operations: object, options: Fuse.FuseOptions);
    /** Calls back when the kernel's INIT has been answered. */
    mount(done: (error: Error | null) => void): void;

    /** What libfuse is given as its command line. */
    _fuseOptions: () => string;
    /** One function per number of operation: `thread` is the memory of the libfuse thread that asks. */
    readonly _handlers: ((thread: Buffer, operation: number, ...args: unknown[]) => void)[];
    _op_getattr: (signal: Fuse.Reply, path: string) => void;
    _op_fgetattr: (signal: Fuse.Reply, path: string, fd: number) => void;
    _op_getxattr: (signal: Fuse.Reply, path: string, name: string, into: Buffer) => void;
    _op_listxattr: (signal: Fuse.Reply, path: string, into: Buffer) => void;
    /** As `overrides.ts` calls it. */
    _op_utimens: (signal: Fuse.Reply, path: string, atime: bigint, mtime: bigint | undefined) => void;
  }
  export = Fuse;
}
