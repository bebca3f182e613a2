/** One mount, served through fuse-native. */
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
  /** Seconds for which the kernel may keep names. */
  readonly timeout: number;
  /** Seconds after which a request that makes no progress is answered with an error, or the mount ended. */
  readonly requestTimeout: number;
  readonly writable: boolean;
  readonly debug?: (line: string) => void;
  readonly log: (line: string) => void;
}

/**
 * libfuse's high-level interface has no way to tell the kernel what is out of date; see mount-options.ts for
 * what the kernel keeps. There is no passthrough.
 */
const CHANNEL: KernelChannel = {
  backingOpen: () => -Errno.EOPNOTSUPP,
  backingClose: () => {},
  invalidateAttributes: () => {},
  invalidateData: () => {},
  storeLimit: 0,
  storeData: () => {},
};

/**
 * Serves an {@link Operations} on the calling thread's event loop, which must be the main one of its process:
 * fuse-native calls back on no other. The thread may not use the mount itself. One session per process.
 */
export class Libfuse2Session {
  private requests: Requests | undefined;
  private watchdog: Watchdog | undefined;
  private tree: Tree | undefined;
  private gone: () => void = () => {};
  /** Resolves when the mount is gone, whoever unmounted it. */
  readonly ended = new Promise<void>((resolve) => {
    this.gone = resolve;
  });

  constructor(
    private readonly operations: Operations,
    private readonly options: Libfuse2SessionOptions,
  ) {}

  /** Resolves when the mount answers. Throws `HelperError` or `FsError`, and then nothing is mounted. */
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
    // Public: no way to give use_ino, ro, suid, dev and others.
    fuse._fuseOptions = () => options;
    override(fuse, tree, this.requests);
    // Requests can come as soon as INIT is answered, which is before we hear of it.
    this.operations.attach(CHANNEL, { passthrough: false });
    await mounted(fuse);
    try {
      this.watchdog = new Watchdog(deviceFd(), this.options.requestTimeout * 1000, () => this.gone());
    } catch (error) {
      unmount(request.target, { lazy: true });
      throw error;
    }
  }

  /**
   * After the mount is gone, or to end it: gives back and closes everything but the device, which is
   * libfuse's.
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

/** In fuse-native's words. libfuse has written its own to stderr. */
function reason(message: string): string {
  if (message !== 'Mountpoint in use') return `fuse-native: ${message}`;
  return 'fuse-native mounts on no directory that is a mountpoint already; unmount it first, or use another';
}

/** The fd that libfuse serves, which it tells nobody. */
function deviceFd(): number {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === '/dev/fuse') return Number(name);
    } catch {
      // ENOENT: the fd of the listing itself.
    }
  }
  throw fsError(Errno.ENODEV, 'fd of the FUSE device');
}
