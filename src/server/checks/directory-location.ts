/** Where a directory lies, so that two can be compared as the kernel's overlayfs compares them. */
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { O_PATH } from '../../core/flags.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import { procField, readOwnProc } from '../../sys/proc.js';

export interface DirectoryLocation {
  readonly mountId: number;
  /** Names the file system. */
  readonly device: string;
  /** Path from the root of the file system, whatever is mounted where: bind mounts do not hide an overlap. */
  readonly path: string;
}

/** Finds the places of directories, reading the mount table once. */
export class LocationFinder {
  private readonly mounts: ReadonlyMap<number, MountEntry>;

  constructor(mounts: readonly MountEntry[] = readMountinfo()) {
    this.mounts = new Map(mounts.map((entry) => [entry.id, entry]));
  }

  /**
   * Opens `path` (bytes; symlinks are followed) as a readable directory, and says where it lies. Errors are
   * Node's.
   */
  find(path: string): DirectoryLocation {
    return this.opened(path, constants.O_RDONLY);
  }

  /** As {@link find}, but the directory need not be readable. */
  findUnreadable(path: string): DirectoryLocation {
    return this.opened(path, O_PATH);
  }

  private opened(path: string, mode: number): DirectoryLocation {
    const fd = openSync(Buffer.from(path, 'latin1'), mode | constants.O_DIRECTORY);
    try {
      return this.placeOf(fd);
    } finally {
      closeSync(fd);
    }
  }

  private placeOf(fd: number): DirectoryLocation {
    const real = readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
    const mountId = Number(procField(readOwnProc(`fdinfo/${fd}`), 'mnt_id'));
    const mount = this.mounts.get(mountId);
    // A mount whose mountpoint lies outside a chroot is not in the table.
    if (mount === undefined) return { mountId, device: `${fstatSync(fd).dev}`, path: real };
    return { mountId, device: mount.device, path: join(mount.root, below(mount.mountpoint, real)) };
  }
}

function below(directory: string, path: string): string {
  return directory === '/' ? path : path.slice(directory.length);
}

function join(root: string, rest: string): string {
  if (root === '/') return rest === '' ? '/' : rest;
  return rest === '/' ? root : root + rest;
}

/** A string that is equal for equal places. */
export function keyOf(place: DirectoryLocation): string {
  return `${place.device} ${place.path}`;
}

/** The keys of all directories above `place` in its file system, nearest first. */
export function* ancestorKeys({ device, path }: DirectoryLocation): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    yield `${device} ${path.slice(0, end)}`;
  }
  if (path !== '/') yield `${device} /`;
}

export function isInside(inner: DirectoryLocation, outer: DirectoryLocation): boolean {
  const key = keyOf(outer);
  for (const ancestor of ancestorKeys(inner)) if (ancestor === key) return true;
  return false;
}
