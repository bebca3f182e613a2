/**
 * The directory of one `plyfs run`: its mountpoint, and its changes if they are thrown away. A lock on it lasts as long as that run, so
 * that the next one finds what a killed one has left.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, lstatSync, mkdtempSync, openSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { toBytesName } from '../core/entry-name.js';
import { Errno } from '../core/errno.js';
import { errnoOf, MountError } from '../server/mount-error.js';
import { userNamespace } from './namespaces.js';

/** What mkdtemp(3) makes of this. */
const NAME = /^plyfs-run-[A-Za-z0-9]{6}$/;
/** Of a directory that has no lock yet. */
const UNLOCKED = 'plyfs-new-run-';

export class ScratchDirectory {
  private constructor(
    readonly path: string,
    private readonly lock: number,
  ) {}

  /** Makes one in TMPDIR, and removes those of runs that have ended without doing so. Throws {@link MountError}. */
  static async make(): Promise<ScratchDirectory> {
    const { tryLock } = await import('../sys/lock.js');
    const home = resolve(tmpdir());
    try {
      const unlocked = mkdtempSync(join(home, UNLOCKED));
      const lock = openSync(unlocked, constants.O_RDONLY);
      tryLock(lock);
      // By this name it is looked for, and now that it has its lock it can be found.
      const path = unlocked.replace(UNLOCKED, 'plyfs-run-');
      renameSync(unlocked, path);
      removeAbandoned(home, tryLock);
      return new ScratchDirectory(path, lock);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const advice = 'it is where plyfs run has its mountpoint; set TMPDIR to a directory that can be written to';
      throw MountError.of({ what: 'TMPDIR', where: toBytesName(home), errno, advice });
    }
  }

  remove(): void {
    removeTree(this.path);
    closeSync(this.lock);
  }
}

/** Those of our own user only, whose lock nobody holds. */
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
    // Another run has just removed it.
    if (errnoOf(error) === Errno.ENOENT) return undefined;
    throw error;
  }
}

/** What the command has made can belong to users that exist in its namespace only. What cannot be removed rm(1) names. */
function removeTree(path: string): void {
  const { args } = userNamespace();
  const [program = '', ...rest] = [...(args.length === 0 ? [] : ['unshare', ...args, '--']), 'rm'];
  spawnSync(program, [...rest, '-rf', '--one-file-system', '--', path], { stdio: ['ignore', 'ignore', 'inherit'] });
}
