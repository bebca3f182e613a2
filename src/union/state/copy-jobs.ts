import type { Filling } from '../../copyup/context.js';
import { CHECK_MS, CopyPool } from '../../copyup/copy-pool.js';
import { FileStat } from '../../core/file-stat.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { drainTimer, openTimerfd, startTimer, stopTimer } from '../../sys/waiting/timerfd.js';
import type { FileNode } from '../nodes/node.js';

/**
 * From this many bytes on the data is copied in a helper thread, and the request waits without holding up
 * others.
 */
export const LARGE = 1 << 20;

const scratch = new FileStat();

/** A copy-up whose data a helper thread is copying. While it runs, `node.busy` holds its key. */
export interface CopyJob {
  readonly key: number;
  readonly node: FileNode;
  readonly filling: Filling;
  /** Makes the file what it is to be, once its data is there. */
  complete(): void;
}

/** The copy-ups that are under way in helper threads, and how the failed ones ended. */
export class CopyJobs {
  /**
   * Readable when {@link takeFinished} may have something: when a thread has said so, and now and then while
   * any is at work.
   */
  readonly doneFd = openTimerfd();
  private readonly pool: CopyPool;
  private readonly running = new Map<number, CopyJob>();
  /** A failed job's errno waits here for the request that comes back for it. */
  private readonly failures = new WeakMap<FileNode, number>();
  private nextKey = 1;

  constructor(log: (line: string) => void) {
    this.pool = new CopyPool(this.doneFd, log);
  }

  /**
   * Hands the data of `filling`, which it takes, to a helper thread and marks `node` busy. Returns the key to
   * park under.
   */
  start(node: FileNode, filling: Filling, sync: boolean, complete: () => void): number {
    const key = this.nextKey++;
    const { sourceFd, fd, length, sparse } = filling;
    try {
      this.pool.submit({ key, from: sourceFd, to: fd, length, sparse, sync });
      // Started anew it would forget that a thread has rung it.
      if (this.running.size === 0) startTimer(this.doneFd, CHECK_MS);
    } catch (error) {
      filling.abandon();
      throw error;
    }
    this.running.set(key, { key, node, filling, complete });
    node.busy = key;
    return key;
  }

  /** Jobs that have ended since the last call. */
  takeFinished(): { job: CopyJob; errno: number }[] {
    drainTimer(this.doneFd);
    const finished: { job: CopyJob; errno: number }[] = [];
    for (const { key, errno } of this.pool.takeReports()) {
      const job = this.running.get(key);
      if (job === undefined) continue;
      this.running.delete(key);
      job.node.busy = 0;
      finished.push({ job, errno });
    }
    if (this.running.size === 0) stopTimer(this.doneFd);
    return finished;
  }

  /** Blocks copied so far; -1: no such job, or no longer. */
  progress(key: number): number {
    const job = this.running.get(key);
    if (job === undefined) return -1;
    statFd(job.filling.fd, scratch);
    return scratch.blocks;
  }

  fail(node: FileNode, errno: number): void {
    this.failures.set(node, errno);
  }

  /** The errno of a failed copy-up that nobody has been told of yet, or 0. */
  takeFailure(node: FileNode): number {
    const errno = this.failures.get(node) ?? 0;
    this.failures.delete(node);
    return errno;
  }

  /** Copies that are under way are given up: their files have no name yet, or are metacopies as before. */
  close(): void {
    this.pool.close();
    for (const { filling } of this.running.values()) filling.abandon();
    this.running.clear();
    close(this.doneFd);
  }
}
