/**
 * The place of a thread: its root, its working directory, its mount namespace and its umask. A thread that
 * called unshare(2) with CLONE_FS has a place of its own, and can go to another one and back (man setns(2)).
 */
import { Errno } from '../../core/errno.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_PATH, O_RDONLY } from '../../core/flags.js';
import { close, openTrusted } from '../files/open.js';
import { statFd } from '../files/stat.js';
import { allocate, bind, check, cPath, lastErrno } from '../libc.js';
import { procField, readOwnProc } from '../proc.js';

const unshare = bind<(flags: number) => number>('int unshare(int)');
const setns = bind<(fd: number, kind: number) => number>('int setns(int, int)');
const fchdir = bind<(fd: number) => number>('int fchdir(int)');
const chroot = bind<(path: number) => number>('int chroot(intptr_t)');
const getcwd = bind<(into: number, size: number) => number>('intptr_t getcwd(intptr_t, ulong)');
const umask = bind<(mask: number) => number>('uint umask(uint)');

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;

const stat = new FileStat();
/** Memory for the result of getcwd(2). */
const path = allocate(8192);

/** The place of another process. The fds belong to this process. */
export interface CallerPlace {
  /** O_PATH fd of the working directory. */
  readonly cwd: number;
  /** O_PATH fd of the root directory. */
  readonly root: number;
  /** The mount namespace (/proc/PID/ns/mnt). Undefined: it is that of this process. */
  readonly mountNamespace: number | undefined;
  readonly umask: number;
}

/**
 * The thread is in the place of a caller and cannot go back. It must end, because its paths are not its own.
 */
export class LostPlaceError extends Error {
  override readonly name = 'LostPlaceError';
}

/** The place to which a thread returns: the mount namespace and the root of the process, `/`, and umask 0. */
export class ThreadHome {
  private readonly namespace = openTrusted('/proc/thread-self/ns/mnt', O_RDONLY);
  private readonly root = openTrusted('/', O_PATH | O_DIRECTORY);

  private constructor() {
    check(fchdir(this.root), 'fchdir');
    umask(0);
  }

  /**
   * Gives the calling thread a place of its own. The umask is 0: modes are computed with that of each
   * request.
   */
  static make(): ThreadHome {
    check(unshare(CLONE_FS), 'unshare');
    return new ThreadHome();
  }

  /**
   * Runs `body` with the caller's root, working directory and mount namespace and then returns. Throws
   * FsError if the thread cannot go to the place (EPERM: a root or namespace that needs more rights).
   * @throws LostPlaceError if the thread cannot go back; then it must not go on
   */
  enter<T>(place: CallerPlace, body: () => T): T {
    const leavesRoot = place.mountNamespace !== undefined || !isSameDirectory(place.root, this.root);
    try {
      go(place, leavesRoot);
      return body();
    } finally {
      this.goBack(place, leavesRoot);
    }
  }

  close(): void {
    close(this.namespace);
    close(this.root);
  }

  private goBack({ mountNamespace }: CallerPlace, leavesRoot: boolean): void {
    try {
      leaveOthers();
      if (mountNamespace !== undefined) check(setns(this.namespace, CLONE_NEWNS), 'setns');
      if (leavesRoot) changeRoot(this.root);
      check(fchdir(this.root), 'fchdir');
      umask(0);
    } catch (error) {
      throw new LostPlaceError(`the thread cannot leave the place of a caller: ${String(error)}`);
    }
  }
}

/**
 * Gives the thread a place of its own again. A thread shares its place with each thread that it starts: that
 * one would go along, and setns(2) fails with EINVAL (fs/namespace.c:mntns_install). The others stay.
 */
function leaveOthers(): void {
  check(unshare(CLONE_FS), 'unshare');
}

function go({ cwd, root, mountNamespace, umask: mask }: CallerPlace, leavesRoot: boolean): void {
  leaveOthers();
  if (mountNamespace !== undefined) check(setns(mountNamespace, CLONE_NEWNS), 'setns');
  if (leavesRoot) changeRoot(root);
  check(fchdir(cwd), 'fchdir');
  umask(mask);
}

function changeRoot(fd: number): void {
  check(fchdir(fd), 'fchdir');
  check(chroot(cPath('.')), 'chroot');
}

/** Whether two fds are of one directory, as one mount shows it. Both fds are of this mount namespace. */
function isSameDirectory(one: number, other: number): boolean {
  return inodeOf(one) === inodeOf(other) && mountOf(one) === mountOf(other);
}

function inodeOf(fd: number): number {
  statFd(fd, stat);
  return stat.ino;
}

function mountOf(fd: number): string | undefined {
  return procField(readOwnProc(`fdinfo/${fd}`), 'mnt_id');
}

/**
 * Whether the working directory of the calling thread has been removed, so that no relative path is valid.
 */
export function isWorkingDirectoryRemoved(): boolean {
  return getcwd(path.address, path.buffer.length) === 0 && lastErrno() === Errno.ENOENT;
}
