/** The service's directory, opened and checked: nobody but its owner can have made what is in it. */
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, type Stats } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { O_PATH } from '../../core/flags.js';
import { errnoOf, MountError } from '../../server/config/mount-error.js';
import type { DirectoryPath } from './locate-directory.js';

const MODE = 0o700;
const PERMISSIONS = 0o7777;
const WRITABLE_BY_OTHERS = 0o022;

/** The names in the directory. */
export const NAMES = { lock: 'lock', pids: 'pids', request: 'request', control: 'control' } as const;

/** A part of the message of a service that ends because another one has the lock. */
export const ALREADY_RUNS = 'a service already runs';

/** The pids of a service that runs. */
export interface ServicePids {
  readonly supervisor: number;
  readonly server: number;
}

export class CheckedDirectory {
  private constructor(
    /** As the messages show it. */
    readonly path: string,
    private readonly fd: number,
    private readonly stats: Stats,
  ) {}

  /**
   * Opens the directory. Returns undefined if it does not exist.
   * @throws {@link MountError} if it is a symlink, belongs to another user, or has another mode than 0700; or
   * if another user can write to the base directory
   */
  static open({ base, directory }: DirectoryPath): CheckedDirectory | undefined {
    const parent = statOf(base);
    if (parent === undefined) return undefined;
    checkOwner(base, parent);
    if ((parent.mode & WRITABLE_BY_OTHERS) !== 0) throw refusal(base, 'writable by other users', Errno.EPERM);
    const fd = openDirectory(directory);
    if (fd === undefined) return undefined;
    try {
      const stats = fstatSync(fd);
      checkOwner(directory, stats);
      checkMode(directory, stats);
      return new CheckedDirectory(directory, fd, stats);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** As {@link open}, but makes the directory if it does not exist. */
  static make(path: DirectoryPath): CheckedDirectory {
    for (const directory of [path.base, path.directory]) makeDirectory(directory);
    const made = CheckedDirectory.open(path);
    if (made === undefined) throw refusal(path.directory, 'another process has removed it', Errno.ENOENT);
    return made;
  }

  /** The path of a name in the directory that was opened, whatever its path means by now. */
  pathOf(name: string): string {
    return `/proc/self/fd/${this.fd}/${name}`;
  }

  /** Whether the path still leads to the directory that was opened, and only its owner can use it. */
  isUnchanged(): boolean {
    const { ino, dev, uid } = this.stats;
    const found = statOf(this.path);
    return (
      found?.isDirectory() === true &&
      found.ino === ino &&
      found.dev === dev &&
      found.uid === uid &&
      (found.mode & PERMISSIONS) === MODE
    );
  }

  /** The pids that a service has written. Undefined: none has. */
  readPids(): ServicePids | undefined {
    const text = unlessAbsent(() => readFileSync(this.pathOf(NAMES.pids), 'latin1'));
    const [, supervisor, server] = /^(\d+) (\d+)\n$/.exec(text ?? '') ?? [];
    if (supervisor === undefined || server === undefined) return undefined;
    return { supervisor: Number(supervisor), server: Number(server) };
  }

  close(): void {
    closeSync(this.fd);
  }
}

function makeDirectory(path: string): void {
  // The mode must not depend on the umask, and chmod(2) could meet another object in its place.
  const umask = process.umask(0);
  try {
    mkdirSync(path, { mode: MODE });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno !== Errno.EEXIST) throw refusal(path, undefined, errno);
  } finally {
    process.umask(umask);
  }
}

/** An O_PATH fd of a directory that is no symlink. Undefined: it does not exist. */
function openDirectory(path: string): number | undefined {
  try {
    return unlessAbsent(() => openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    // With O_PATH, O_NOFOLLOW opens the symlink itself, which is no directory.
    const isSymlink = errno === Errno.ENOTDIR && statOf(path)?.isSymbolicLink() === true;
    throw refusal(path, isSymlink ? 'a symlink' : undefined, errno);
  }
}

function checkOwner(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) throw refusal(path, 'a symlink', Errno.ENOTDIR);
  if (!stats.isDirectory()) throw refusal(path, undefined, Errno.ENOTDIR);
  if (stats.uid !== process.geteuid?.()) throw refusal(path, 'belongs to another user', Errno.EPERM);
}

function checkMode(path: string, { mode }: Stats): void {
  if ((mode & PERMISSIONS) === MODE) return;
  const found = (mode & PERMISSIONS).toString(8).padStart(4, '0');
  throw refusal(path, `has mode ${found}, not 0700`, Errno.EPERM, 'remove it, or change its mode');
}

function refusal(where: string, why: string | undefined, errno: number, advice?: string): MountError {
  return MountError.of({
    what: 'serve',
    where,
    errno,
    ...(why === undefined ? {} : { why }),
    ...(advice === undefined ? {} : { advice }),
  });
}

function statOf(path: string): Stats | undefined {
  return unlessAbsent(() => lstatSync(path));
}

function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) !== Errno.ENOENT) throw error;
    return undefined;
  }
}
