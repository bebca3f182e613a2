/** A process that asks for a mount, checked before anything is done for it. */
import { closeSync, constants, openSync } from 'node:fs';
import { errnoName } from '../../core/errno.js';
import { O_PATH } from '../../core/flags.js';
import { errnoOf } from '../../server/config/mount-error.js';
import { tryOpenProcess } from '../../sys/ipc/pidfd.js';
import type { CallerPlace } from '../../sys/process/namespaces.js';
import { commandLineOf, factsOf, type ProcessFacts } from '../../sys/process/process-facts.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { differenceOf } from './rights.js';

/** Owns its fds from {@link check} until {@link close}; those of its place only until {@link takePlace}. */
export class Caller {
  private constructor(
    readonly facts: ProcessFacts,
    /** All words of its command line, as bytes: an interpreter and its script, then the arguments. */
    readonly words: readonly string[],
    private place: CallerPlace | undefined,
    /** Refers to the process, even if its pid is used again. */
    private readonly pidfd: number,
  ) {}

  /**
   * Checks that the service can act for the process, and opens its place. Everything is read while the
   * process exists, and between two readings of its command line. So all of it is of one process, which runs
   * one program.
   * @param own the facts of this process
   * @returns the reason why the process must serve itself, if it is a text
   */
  static check(pid: number, own: ProcessFacts): Caller | string {
    const pidfd = tryOpenProcess(pid);
    if (pidfd < 0) return `it cannot be opened (${errnoName(-pidfd)})`;
    const caller = Caller.read(pid, pidfd, own);
    if (typeof caller === 'string') {
      closeSync(pidfd);
      return caller;
    }
    if (caller.isAlive() && caller.runs(commandLineOf(pid))) return caller;
    caller.close();
    return 'it has ended, or runs another program by now';
  }

  private static read(pid: number, pidfd: number, own: ProcessFacts): Caller | string {
    const facts = factsOf(pid);
    if (facts === undefined) return 'its files in /proc cannot be read';
    const difference = differenceOf(facts, own);
    if (difference !== undefined) return difference;
    const words = commandLineOf(pid);
    if (words === undefined) return 'its command line cannot be read';
    const place = openPlace(facts, own);
    return typeof place === 'string' ? place : new Caller(facts, words, place, pidfd);
  }

  get pid(): number {
    return this.facts.pid;
  }

  /** Whether the process exists. A zombie does not. */
  isAlive(): boolean {
    return pollReadable([this.pidfd], 0) === 0;
  }

  /** Gives the fds of the place to the caller of this function. */
  takePlace(): CallerPlace {
    const { place } = this;
    if (place === undefined) throw new Error('the place of a caller was taken before');
    this.place = undefined;
    return place;
  }

  close(): void {
    if (this.place !== undefined) closePlace(this.place);
    this.place = undefined;
    closeSync(this.pidfd);
  }

  /** Whether `words` are its command line: it runs the program with which it asked. */
  runs(words: readonly string[] | undefined): boolean {
    return words?.length === this.words.length && words.every((word, index) => word === this.words[index]);
  }
}

/** Closes the fds of a place. */
export function closePlace({ cwd, root, mountNamespace }: CallerPlace): void {
  for (const fd of [cwd, root, mountNamespace]) if (fd !== undefined) closeSync(fd);
}

/**
 * Opens the place of a process. Returns the reason why it cannot be opened, if it is a text. The main thread
 * does it: opening a link of /proc with O_PATH asks no FUSE server, also if the kernel caches nothing.
 */
function openPlace({ pid, umask, mountNamespace }: ProcessFacts, own: ProcessFacts): CallerPlace | string {
  const opened: number[] = [];
  const open = (path: string, flags: number): number => {
    const fd = openSync(path, flags);
    opened.push(fd);
    return fd;
  };
  try {
    return {
      cwd: open(`/proc/${pid}/cwd`, O_PATH | constants.O_DIRECTORY),
      root: open(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY),
      mountNamespace:
        mountNamespace === own.mountNamespace ? undefined : open(`/proc/${pid}/ns/mnt`, constants.O_RDONLY),
      umask,
    };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    for (const fd of opened) closeSync(fd);
    // ENOENT, ESRCH: it has ended. EACCES, EPERM: its memory is protected. EMFILE, ENFILE: no fds are
    // left.
    return `its working directory, root or mount namespace cannot be opened: ${(error as Error).message}`;
  }
}
