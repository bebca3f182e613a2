/** The location of a directory. Two locations are compared as the kernel's overlayfs compares layers. */
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { O_PATH } from '../../core/flags.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import { procField, readOwnProc } from '../../sys/proc.js';

/** The mount, the file system and the path of a directory. */
export interface DirectoryLocation {
  readonly mountId: number;
  /** The device of the file system, as `major:minor`. */
  readonly device: string;
  /**
   * The path from the root of the file system. It does not depend on mounts, so a bind mount hides no
   * overlap.
   */
  readonly path: string;
}

/** Finds the locations of directories. It reads the mount table only once. */
export class LocationFinder {
  private readonly mounts: ReadonlyMap<number, MountEntry>;

  constructor(mounts: readonly MountEntry[] = readMountinfo()) {
    this.mounts = new Map(mounts.map((entry) => [entry.id, entry]));
  }

  /**
   * Opens `path` (bytes; symlinks are followed) as a readable directory, and returns its location. Errors are
   * those of Node's fs functions.
   */
  find(path: string): DirectoryLocation {
    return this.open(path, constants.O_RDONLY);
  }

  /** Does the same as {@link find} for a directory that need not be readable. */
  findUnreadable(path: string): DirectoryLocation {
    return this.open(path, O_PATH);
  }

  private open(path: string, mode: number): DirectoryLocation {
    const fd = openSync(Buffer.from(path, 'latin1'), mode | constants.O_DIRECTORY);
    try {
      return this.locationOf(fd);
    } finally {
      closeSync(fd);
    }
  }

  private locationOf(fd: number): DirectoryLocation {
    const real = readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
    const mountId = Number(procField(readOwnProc(`fdinfo/${fd}`), 'mnt_id'));
    const mount = this.mounts.get(mountId);
    // The table does not have a mount whose mountpoint is outside the chroot.
    if (mount === undefined) return { mountId, device: `${fstatSync(fd).dev}`, path: real };
    return { mountId, device: mount.device, path: join(mount.root, below(mount.mountpoint, real)) };
  }
}

/**
 * The path at which `mount` shows a directory, if no other mount hides it there. Null: the mount does not
 * show it.
 * @param path the directory's path in the file system of the mount
 */
export function pathThrough({ root, mountpoint }: MountEntry, path: string): string | null {
  const prefix = root === '/' ? '' : root;
  if (path !== root && !path.startsWith(`${prefix}/`)) return null;
  const rest = path === root ? '' : path.slice(prefix.length);
  return `${mountpoint === '/' ? '' : mountpoint}${rest}` || '/';
}

/** The path of `path` below `directory`, with its slash. */
function below(directory: string, path: string): string {
  return directory === '/' ? path : path.slice(directory.length);
}

/** The path of `rest` below `root`; both begin with a slash, except that `rest` can be empty. */
function join(root: string, rest: string): string {
  if (root === '/') return rest === '' ? '/' : rest;
  return rest === '/' ? root : root + rest;
}

/** A string that is equal for equal locations. */
export function keyOf(location: DirectoryLocation): string {
  return `${location.device} ${location.path}`;
}

/** The keys of all directories above `location` in its file system, nearest first. */
export function* ancestorKeys({ device, path }: DirectoryLocation): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    yield `${device} ${path.slice(0, end)}`;
  }
  if (path !== '/') yield `${device} /`;
}

/** Whether `inner` is below `outer`, in the same file system. */
export function isInside(inner: DirectoryLocation, outer: DirectoryLocation): boolean {
  const key = keyOf(outer);
  for (const ancestor of ancestorKeys(inner)) if (ancestor === key) return true;
  return false;
}
