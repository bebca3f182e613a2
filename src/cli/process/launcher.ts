/**
 * The launcher: the process that waits for a mount in the background. It is `bin/plyfs`, or a second process
 * of this program (`relaunch.ts`). This process is its child, and continues as the daemon. The launcher reads
 * the stdout of this process to its end, and exits with the status that it finds there.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { O_CLOEXEC } from '../../core/flags.js';
import { errnoOf } from '../../server/config/mount-error.js';
import { OK } from '../output/exit-status.js';

/** The first argument names the launcher, by its pid. */
const ARGUMENT = /^--launcher=(\d+)$/;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** The launcher as this process sees it, which continues as the daemon. */
export class Launcher {
  private isReleased = false;

  private constructor(private readonly pid: string) {}

  /** The launcher that the first argument names. Undefined: it names none. */
  static of(argument: string | undefined): Launcher | undefined {
    const [, pid] = ARGUMENT.exec(argument ?? '') ?? [];
    return pid === undefined ? undefined : new Launcher(pid);
  }

  /** The argument with which the process `pid` names itself as the launcher. */
  static argumentFor(pid: number): string {
    return `--launcher=${pid}`;
  }

  /**
   * Whether the launcher still waits. The answer can be wrong if another process has got the launcher's pid;
   * then {@link release} fails.
   */
  get waits(): boolean {
    return !this.isReleased && exists(Number(this.pid));
  }

  /** Answers the launcher with an exit status, when nothing is mounted. Then this process ends. */
  answer(status: number): void {
    try {
      writeSync(STDOUT, `${status}`);
    } catch (error) {
      // The launcher was killed while it waited.
      if (errnoOf(error) !== Errno.EPIPE) throw error;
    }
  }

  /**
   * Answers the launcher when the mount is ready, and detaches from everything that was inherited: session
   * and terminal, working directory, stdio and other files. Throws EPIPE if the launcher has ended already:
   * then no caller waits for the mount.
   * @param keptFd an inherited fd that stays open: the /dev/fuse of a mount that the caller has already made
   */
  async release({ keptFd }: { keptFd: number | undefined }): Promise<void> {
    // Native code is imported only here: by now it has been loaded, while the server started.
    const { newSession, replaceFd } = await import('../../sys/process/new-session.js');
    newSession();
    process.chdir('/');
    for (const fd of this.inherited()) if (fd !== keptFd) closeSync(fd);
    const devNull = openSync('/dev/null', constants.O_RDWR);
    replaceFd(STDIN, devNull);
    replaceFd(STDERR, devNull);
    this.isReleased = true;
    writeSync(STDOUT, `${OK}`);
    replaceFd(STDOUT, devNull); // The launcher now reads the end of the file.
    closeSync(devNull);
  }

  /**
   * The fds that the launcher has inherited and passed on to this process, by accident or for a reason
   * (flock(1) holds its lock on one). An fd number counts only if both processes have the same file open
   * there: the launcher also has files of its own, which it has not passed on.
   */
  private inherited(): number[] {
    const { pid } = this;
    return fdsOf(pid).filter(
      (fd) => fd > STDERR && !closesOnExec(pid, fd) && targetOf('self', fd) === targetOf(pid, fd),
    );
  }
}

/**
 * Whether the process exists; a zombie counts. Uses kill(2), because /proc can show the pids of another
 * namespace: it does if this process is in a pid namespace that has no mount of /proc of its own.
 */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    const errno = errnoOf(error);
    // EPERM: another user's process has got the pid.
    if (errno === Errno.ESRCH || errno === Errno.EPERM) return false;
    throw error;
  }
}

/** The fds of a process; none if it has ended. */
function fdsOf(pid: string): number[] {
  return unlessGone(() => readdirSync(`/proc/${pid}/fd`).map(Number)) ?? [];
}

/** The file behind an fd. */
function targetOf(pid: string, fd: number): string | undefined {
  return unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`, 'latin1'));
}

/** Whether the fd has not been passed on to child processes. */
function closesOnExec(pid: string, fd: number): boolean {
  const text = unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'));
  // Not by src/sys: main.ts loads this module before the serving thread is started, and nothing of src/sys.
  const [, flags] = /^flags:\s*(\d+)/m.exec(text ?? '') ?? [];
  return flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
}

/** Calls `read`. Returns undefined if the process has ended or the fd is not open. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === Errno.ENOENT || errno === Errno.ESRCH) return undefined;
    throw error;
  }
}
