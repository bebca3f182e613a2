/**
 * Who waits for a mount in the background: `bin/plyfs`, or this program a second time (`relaunch.ts`). It
 * reads our stdout to its end and leaves with the exit status that it finds there. We are its child, and go
 * on as the daemon.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { O_CLOEXEC } from '../../core/flags.js';
import { errnoOf } from '../../server/config/mount-error.js';
import { procField } from '../../sys/proc.js';
import { OK } from '../output/exit-status.js';

/** How we are told of a launcher, in the first argument: by its pid. */
const ARGUMENT = /^--launcher=(\d+)$/;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

export class Launcher {
  private isUnreleased = true;

  private constructor(private readonly pid: string) {}

  /** The launcher that the first argument tells of. */
  static of(argument: string | undefined): Launcher | undefined {
    const [, pid] = ARGUMENT.exec(argument ?? '') ?? [];
    return pid === undefined ? undefined : new Launcher(pid);
  }

  static argumentFor(pid: number): string {
    return `--launcher=${pid}`;
  }

  /**
   * Whether it is there, and has not been released. Another process may have its pid: {@link release} is what
   * makes sure.
   */
  get waits(): boolean {
    return this.isUnreleased && isAlive(Number(this.pid));
  }

  /** Nothing is mounted, and this was all. */
  answer(status: number): void {
    try {
      writeSync(STDOUT, `${status}`);
    } catch (error) {
      // It was killed while it waited: nobody asks any more.
      if (errnoOf(error) !== Errno.EPIPE) throw error;
    }
  }

  /**
   * The mount answers: lets the launcher go, and keeps nothing of what came from there: session and terminal,
   * working directory, stdio and other files. Throws EPIPE if the launcher has ended already: then nobody
   * waits for the mount.
   * @param keeping an inherited fd that stays open: a descriptor of /dev/fuse that the caller has mounted
   */
  async release({ keeping }: { keeping: number | undefined }): Promise<void> {
    // Native, like what ends the mount: it has been loaded while the server started.
    const { newSession, replaceFd } = await import('../../sys/process/new-session.js');
    newSession();
    process.chdir('/');
    for (const fd of this.inherited()) if (fd !== keeping) closeSync(fd);
    const nothing = openSync('/dev/null', constants.O_RDWR);
    replaceFd(STDIN, nothing);
    replaceFd(STDERR, nothing);
    this.isUnreleased = false;
    writeSync(STDOUT, `${OK}`);
    replaceFd(STDOUT, nothing); // The end, for who reads it.
    closeSync(nothing);
  }

  /**
   * Fds that the launcher was called with, by accident or for a reason (flock(1) on one): what it would hand
   * on, and we have too. Told by what is open there, because the launcher has files of its own that it did
   * not hand on.
   */
  private inherited(): number[] {
    const { pid } = this;
    return fdsOf(pid).filter(
      (fd) => fd > STDERR && !closesOnExec(pid, fd) && targetOf('self', fd) === targetOf(pid, fd),
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    const errno = errnoOf(error);
    // EPERM: the pid is somebody else's by now.
    if (errno === Errno.ESRCH || errno === Errno.EPERM) return false;
    throw error;
  }
}

function fdsOf(pid: string): number[] {
  return unlessGone(() => readdirSync(`/proc/${pid}/fd`).map(Number)) ?? [];
}

function targetOf(pid: string, fd: number): string | undefined {
  return unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`, 'latin1'));
}

function closesOnExec(pid: string, fd: number): boolean {
  const text = unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'));
  const flags = procField(text, 'flags');
  return flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
}

/** Undefined for a process that has ended, or an fd that is not open. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === Errno.ENOENT || errno === Errno.ESRCH) return undefined;
    throw error;
  }
}
