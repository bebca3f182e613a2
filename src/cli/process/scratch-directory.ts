/**
 * The temporary directory of one `plyfs run`. It contains the mountpoint and, if they are not kept, the
 * changes. The run holds a lock on it. A later run can lock a directory that a killed run has left, and
 * removes it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, lstatSync, mkdtempSync, openSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { toBytesName } from '../../core/entry-name.js';
import { Errno } from '../../core/errno.js';
import { errnoOf, MountError } from '../../server/config/mount-error.js';
import { userNamespace } from './namespaces.js';

/** Names that mkdtemp(3) makes from `plyfs-run-`. */
const NAME = /^plyfs-run-[A-Za-z0-9]{6}$/;
/** The prefix of the name of a directory that is not locked yet. */
const UNLOCKED = 'plyfs-new-run-';

/** The directory, and the lock on it. */
export class ScratchDirectory {
  private constructor(
    readonly path: string,
    private readonly lock: number,
  ) {}

  /**
   * Makes a locked directory in TMPDIR, and removes those that killed runs have left. Throws
   * {@link MountError}.
   */
  static async make(): Promise<ScratchDirectory> {
    const { tryLock } = await import('../../sys/locks/lock.js');
    const home = resolve(tmpdir());
    try {
      const unlocked = mkdtempSync(join(home, UNLOCKED));
      const lock = openSync(unlocked, constants.O_RDONLY);
      tryLock(lock); // This succeeds, because no other process locks a directory of this name.
      // Other runs remove unlocked directories of this name, so it gets the name only after it is locked.
      const path = unlocked.replace(UNLOCKED, 'plyfs-run-');
      renameSync(unlocked, path);
      removeAbandoned(home, tryLock);
      return new ScratchDirectory(path, lock);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const advice = 'plyfs run needs a temporary directory; set TMPDIR to a writable one';
      // mkdir(2) fails like this in /proc, where only the kernel makes directories.
      const why = errno === Errno.ENOENT && existsSync(home) ? { why: 'no directory can be made there' } : {};
      throw MountError.of({ what: 'TMPDIR', where: toBytesName(home), ...why, errno, advice });
    }
  }

  /** Removes the directory with its contents. rm(1) names on stderr each object that it cannot remove. */
  remove(): void {
    removeTree(this.path);
    closeSync(this.lock);
  }
}

/** Removes the directories of this user on which no run holds a lock. */
function removeAbandoned(home: string, tryLock: (fd: number) => boolean): void {
  for (const name of readdirSync(home)) {
    if (!NAME.test(name)) continue;
    const path = join(home, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() !== true || stat.uid !== process.geteuid?.()) continue;
    const fd = openUnlessGone(path);
    if (fd === undefined) continue;
    try {
      if (tryLock(fd)) removeTree(path);
    } finally {
      closeSync(fd);
    }
  }
}

/** Opens a directory. Undefined: it does not exist any more. */
function openUnlessGone(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  } catch (error) {
    // ENOENT: another run has just removed it.
    if (errnoOf(error) === Errno.ENOENT) return undefined;
    throw error;
  }
}

/**
 * Removes `path` with rm(1), in the user namespace: files that the command has made can belong to users that
 * exist only there.
 */
function removeTree(path: string): void {
  const { args } = userNamespace();
  const [program = '', ...rest] = [...(args.length === 0 ? [] : ['unshare', ...args, '--']), 'rm'];
  spawnSync(program, [...rest, '-rf', '--one-file-system', '--', path], { stdio: ['ignore', 'ignore', 'inherit'] });
}
