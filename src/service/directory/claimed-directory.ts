/** The directory of a service that runs: the lock, the pids, the FIFO of requests, the control socket. */
import { chmodSync, closeSync, constants, fstatSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, MountError } from '../../server/config/mount-error.js';
import { makeFifo } from '../../sys/ipc/fifo.js';
import { listenAt } from '../../sys/ipc/unix-socket.js';
import { tryLock } from '../../sys/locks/lock.js';
import { ALREADY_RUNS, CheckedDirectory, NAMES, type ServicePids } from './checked-directory.js';
import type { DirectoryPath } from './locate-directory.js';

const PRIVATE = 0o600;
/** How many connections can wait until they are accepted. Node uses the same number. */
const BACKLOG = 511;

/** Owns the lock and the fds from {@link claim} until {@link release}. */
export class ClaimedDirectory {
  private constructor(
    private readonly directory: CheckedDirectory,
    private readonly lock: number,
    /**
     * Both ends of the FIFO of requests, so that it has a reader and a writer for as long as the service
     * runs.
     */
    readonly request: number,
    /** The socket that listens for control connections. */
    readonly control: number,
  ) {}

  /**
   * Makes the directory ready for a service. Files that a killed service has left are removed.
   * @throws {@link MountError} if another service has it, or if the directory is not safe
   */
  static claim(path: DirectoryPath): ClaimedDirectory {
    const directory = CheckedDirectory.make(path);
    const opened: number[] = [];
    const keep = (fd: number): number => {
      opened.push(fd);
      return fd;
    };
    try {
      const lock = keep(lockIn(directory));
      for (const name of [NAMES.pids, NAMES.request, NAMES.control]) remove(directory, name);
      const request = keep(makeRequestFifo(directory));
      const control = keep(listenAt(directory.pathOf(NAMES.control), BACKLOG));
      return new ClaimedDirectory(directory, lock, request, control);
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      directory.close();
      throw asMountError(error, `serve: ${path.directory}`);
    }
  }

  get path(): string {
    return this.directory.path;
  }

  /** Whether callers still find the directory by its path, and only its owner can use it. */
  isUnchanged(): boolean {
    return this.directory.isUnchanged();
  }

  /** Tells callers which processes serve: they ask from now on. */
  writePids({ supervisor, server }: ServicePids): void {
    const prepared = this.directory.pathOf(`${NAMES.pids}.new`);
    writeFileSync(prepared, `${supervisor} ${server}\n`, { mode: PRIVATE });
    renameSync(prepared, this.directory.pathOf(NAMES.pids));
  }

  /** No caller begins to ask from now on. */
  removePids(): void {
    remove(this.directory, NAMES.pids);
  }

  /** Removes everything but the lock file, which the next service uses. */
  release(): void {
    for (const name of [NAMES.pids, NAMES.request, NAMES.control]) remove(this.directory, name);
    // The lock last: the next service makes files of the same names as soon as it has the lock.
    for (const fd of [this.control, this.request, this.lock]) closeSync(fd);
    this.directory.close();
  }
}

/** Opens the lock file and locks it. The kernel frees the lock with the process. */
function lockIn(directory: CheckedDirectory): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(directory.pathOf(NAMES.lock), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, PRIVATE);
  try {
    if (!fstatSync(fd).isFile()) throw MountError.of({ what: 'serve', where: NAMES.lock, why: 'not a regular file' });
    if (tryLock(fd)) return fd;
    const pid = directory.readPids()?.supervisor;
    const by = pid === undefined ? '' : ` (pid ${pid})`;
    throw MountError.of({ what: 'serve', where: directory.path, why: `${ALREADY_RUNS}${by}` });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function makeRequestFifo(directory: CheckedDirectory): number {
  const path = directory.pathOf(NAMES.request);
  makeFifo(path, PRIVATE);
  // The umask can have taken permissions away, without which bin/plyfs could not write.
  chmodSync(path, PRIVATE);
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
}

function remove(directory: CheckedDirectory, name: string): void {
  try {
    unlinkSync(directory.pathOf(name));
  } catch (error) {
    if (errnoOf(error) !== Errno.ENOENT) throw error;
  }
}
