/** A process that asks for a mount, checked before anything is done for it. */
import { closeSync, constants, openSync } from 'node:fs';
import { O_PATH } from '../../core/flags.js';
import { errnoOf } from '../../server/config/mount-error.js';
import type { CallerPlace } from '../../sys/process/namespaces.js';
import { commandLineOf, factsOf, type ProcessFacts, startTimeOf } from '../../sys/process/process-facts.js';
import { differenceOf } from './rights.js';

/** Owns the fds of its place from {@link check} until {@link takePlace} or {@link close}. */
export class Caller {
  private constructor(
    readonly facts: ProcessFacts,
    /** All words of its command line, as bytes: an interpreter and its script, then the arguments. */
    readonly words: readonly string[],
    private place: CallerPlace | undefined,
  ) {}

  /**
   * Checks that the service can act for the process, and opens its place. Everything is read between two
   * readings of its start time and its command line. So all of it is of one process, which runs one program.
   * @param own the facts of this process
   * @returns the reason why the process must serve itself, if it is a text
   */
  static check(pid: number, own: ProcessFacts): Caller | string {
    const facts = factsOf(pid);
    if (facts === undefined) return 'its files in /proc cannot be read';
    const difference = differenceOf(facts, own);
    if (difference !== undefined) return difference;
    const words = commandLineOf(pid);
    if (words === undefined) return 'its command line cannot be read';
    const place = openPlace(facts, own);
    if (typeof place === 'string') return place;
    const caller = new Caller(facts, words, place);
    if (caller.isAlive() && caller.runsTheSame()) return caller;
    caller.close();
    return 'it has ended, or runs another program by now';
  }

  get pid(): number {
    return this.facts.pid;
  }

  /** Whether the process exists. A zombie does not. */
  isAlive(): boolean {
    return startTimeOf(this.pid) === this.facts.startTime;
  }

  /** Gives the fds of the place to the caller of this function. */
  takePlace(): CallerPlace {
    const { place } = this;
    if (place === undefined) throw new Error('the place of a caller was taken before');
    this.place = undefined;
    return place;
  }

  /** Closes the place, unless it was taken. */
  close(): void {
    if (this.place !== undefined) closePlace(this.place);
    this.place = undefined;
  }

  private runsTheSame(): boolean {
    const words = commandLineOf(this.pid);
    return words?.length === this.words.length && words.every((word, index) => word === this.words[index]);
  }
}

export function closePlace({ cwd, root, mountNamespace }: CallerPlace): void {
  for (const fd of [cwd, root, mountNamespace]) if (fd !== undefined) closeSync(fd);
}

/** Opens the place of a process. Returns the reason why it cannot be opened, if it is a text. */
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
