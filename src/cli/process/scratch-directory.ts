/**
 * The temporary directory of one `plyfs run`: its mountpoint, and its changes if they are not kept. The run
 * holds a lock on it, so that a later run recognizes and removes what a killed run has left.
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
/** Prefix of a directory that is not locked yet. */
const UNLOCKED = 'plyfs-new-run-';

export class ScratchDirectory {
  private constructor(
    readonly path: string,
    private readonly lock: number,
  ) {}

  /**
   * Makes one in TMPDIR, and removes those of runs that have ended without doing so. Throws
   * {@link MountError}.
   */
  static async make(): Promise<ScratchDirectory> {
    const { tryLock } = await import('../../sys/locks/lock.js');
    const home = resolve(tmpdir());
    try {
      const unlocked = mkdtempSync(join(home, UNLOCKED));
      const lock = openSync(unlocked, constants.O_RDONLY);
      tryLock(lock);
      // Other runs look for this name. They may find it only now that it is locked.
      const path = unlocked.replace(UNLOCKED, 'plyfs-run-');
      renameSync(unlocked, path);
      removeAbandoned(home, tryLock);
      return new ScratchDirectory(path, lock);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const advice = 'it is where plyfs run has its mountpoint; set TMPDIR to a directory that can be written to';
      // As mkdir(2) in /proc fails, where the kernel alone makes directories.
      const why = errno === Errno.ENOENT && existsSync(home) ? { why: 'no directory can be made there' } : {};
      throw MountError.of({ what: 'TMPDIR', where: toBytesName(home), ...why, errno, advice });
    }
  }

  /** Removes the directory with all in it. What cannot be removed is named on stderr, by rm(1). */
  remove(): void {
    removeTree(this.path);
    closeSync(this.lock);
  }
}

/** Removes directories of our own user that no run holds a lock on. */
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

function openUnlessGone(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  } catch (error) {
    // ENOENT: another run has just removed it.
    if (errnoOf(error) === Errno.ENOENT) return undefined;
    throw error;
  }
}

/** In the user namespace, because files that the command made can belong to users that exist only there. */
function removeTree(path: string): void {
  const { args } = userNamespace();
  const [program = '', ...rest] = [...(args.length === 0 ? [] : ['unshare', ...args, '--']), 'rm'];
  spawnSync(program, [...rest, '-rf', '--one-file-system', '--', path], { stdio: ['ignore', 'ignore', 'inherit'] });
}
