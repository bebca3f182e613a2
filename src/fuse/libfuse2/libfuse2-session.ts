/** Serves one mount through fuse-native. */
import { readdirSync, readlinkSync } from 'node:fs';
import type Fuse from 'fuse-native';
import { Errno, fsError } from '../../core/errno.js';
import { HelperError, type MountRequest } from '../mount/mount-request.js';
import { unmount } from '../mount/unmount.js';
import type { KernelChannel, Operations } from '../operations.js';
import { libfuseOptions, MAX_TEXT } from './libfuse2-options.js';
import { loadFuseNative } from './load.js';
import { override } from './overrides.js';
import { toExactText } from './paths/text.js';
import { Tree } from './paths/tree.js';
import { handlers } from './request-table.js';
import { Requests } from './requests.js';
import { Watchdog } from './watchdog.js';

export interface Libfuse2SessionOptions {
  /** For how many seconds the kernel may cache names. */
  readonly timeout: number;
  /**
   * After this many seconds without progress a parked request fails with ETIMEDOUT, and an operation that
   * hangs ends the mount.
   */
  readonly requestTimeout: number;
  readonly writable: boolean;
  readonly debug?: (line: string) => void;
  readonly log: (line: string) => void;
}

/**
 * The high-level interface of libfuse cannot report stale caches to the kernel. libfuse2-options.ts therefore
 * limits what the kernel caches. There is no passthrough.
 */
const CHANNEL: KernelChannel = {
  backingOpen: () => -Errno.EOPNOTSUPP,
  backingClose: () => {},
  invalidateAttributes: () => {},
  invalidateData: () => {},
  storeLimit: 0,
  storeData: () => {},
  syncInBackground: () => false,
};

/**
 * Serves an {@link Operations} on the event loop of the calling thread. That must be the main thread of its
 * process, because fuse-native calls back on no other. The thread must not use the mount itself. One session
 * per process.
 */
export class Libfuse2Session {
  private requests: Requests | undefined;
  private watchdog: Watchdog | undefined;
  private tree: Tree | undefined;
  private onUnmounted: () => void = () => {};
  /** Resolves when the mount no longer exists, whichever program unmounted it. */
  readonly ended = new Promise<void>((resolve) => {
    this.onUnmounted = resolve;
  });

  constructor(
    private readonly operations: Operations,
    private readonly options: Libfuse2SessionOptions,
  ) {}

  /**
   * Resolves when the mount serves requests. Throws `HelperError` or `FsError`, and then nothing is mounted.
   */
  async mount(request: MountRequest): Promise<void> {
    const FuseNative = await loadFuseNative();
    const mountpoint = toExactText(request.target);
    if (Buffer.byteLength(mountpoint) >= MAX_TEXT) throw fsError(Errno.ENAMETOOLONG, 'mountpoint');
    const options = libfuseOptions(request, this.options.timeout);
    const tree = new Tree(this.operations);
    this.tree = tree;
    this.requests = new Requests(this.operations, {
      ...this.options,
      limit: this.options.requestTimeout * 1000,
      watch: { begin: () => this.watchdog?.begin(), end: () => this.watchdog?.end() },
    });
    const fuse = new FuseNative(mountpoint, handlers(tree, this.requests), { timeout: false });
    // The public options of fuse-native lack use_ino, ro, suid, dev and others.
    fuse._fuseOptions = () => options;
    override(fuse, tree, this.requests);
    // Requests can arrive as soon as INIT has its reply, which is before `mounted` resolves.
    this.operations.attach(CHANNEL, { passthrough: false });
    await mounted(fuse);
    try {
      this.watchdog = new Watchdog(deviceFd(), this.options.requestTimeout * 1000, () => this.onUnmounted());
    } catch (error) {
      unmount(request.target, { lazy: true });
      throw error;
    }
  }

  /**
   * Call it after the mount has ended, or to end it. Closes everything but the device, which libfuse owns.
   */
  async close(): Promise<void> {
    await this.watchdog?.stop();
    this.requests?.close();
    this.tree?.paths.clear();
    this.operations.close();
  }
}

function mounted(fuse: Fuse): Promise<void> {
  return new Promise((resolve, reject) => {
    fuse.mount((error) => {
      if (error === null || error === undefined) resolve();
      else reject(new HelperError(reason(error.message)));
    });
  });
}

/** @param message of fuse-native; libfuse has written its own message to stderr */
function reason(message: string): string {
  if (message !== 'Mountpoint in use') return `fuse-native: ${message}`;
  return 'fuse-native cannot mount on a directory that is a mountpoint already; unmount it first, or use another';
}

/** The fd of the device, which libfuse does not return to its caller. */
function deviceFd(): number {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === '/dev/fuse') return Number(name);
    } catch {
      // ENOENT: this fd was that of the listing itself, which is closed now.
    }
  }
  throw fsError(Errno.ENODEV, 'fd of the FUSE device');
}
