import type { Filling } from '../../copyup/context.js';
import { CHECK_MS } from '../../copyup/pool/copy-message.js';
import { CopyPool } from '../../copyup/pool/copy-pool.js';
import type { CopyQueue } from '../../copyup/pool/copy-queue.js';
import { FileStat } from '../../core/file-stat.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import { drainTimer, openTimerfd, startTimer, stopTimer } from '../../sys/waiting/timerfd.js';
import type { FileNode } from '../nodes/node.js';

/**
 * Data of at least this many bytes is copied in a helper thread. The request waits for it, and the server
 * serves other requests meanwhile.
 */
export const LARGE = 1 << 20;

const scratch = new FileStat();

/**
 * A copy-up whose data a helper thread is copying, or the kernel is syncing. While it runs, `node.copyJobKey`
 * is its key.
 */
export interface CopyJob {
  readonly key: number;
  readonly isInThread: boolean;
  readonly node: FileNode;
  readonly filling: Filling;
  /** Finishes the copy-up after the data was copied. */
  complete(): void;
}

/** The copy-ups that helper threads and the kernel do at the moment, and the errnos of those that failed. */
export class CopyJobs {
  /**
   * Becomes readable when a thread has finished a job, and at intervals while any job runs. Then
   * {@link takeFinished} must be called.
   */
  readonly doneFd = openTimerfd();
  private readonly pool: CopyPool;
  private readonly queue: CopyQueue;
  private readonly running = new Map<number, CopyJob>();
  /** The errnos of failed jobs, until the request that waits for the job is served again. */
  private readonly failures = new WeakMap<FileNode, number>();
  /** Syncs that have ended since the last {@link takeFinished}. */
  private synced: { readonly key: number; readonly errno: number }[] = [];
  private nextKey = 1;

  /** @param shared the threads that mounts of this serving thread share; undefined: the mount has its own */
  constructor(
    log: (line: string) => void,
    private readonly shared?: CopyPool,
  ) {
    this.pool = shared ?? new CopyPool();
    this.queue = this.pool.join(this.doneFd, log);
  }

  /**
   * Starts a job that copies the data of `filling`, and stores its key in `node`.
   * @param filling this object owns it from now on, also if the call fails
   * @returns the key under which the request is parked
   */
  start(node: FileNode, filling: Filling, sync: boolean, complete: () => void): number {
    const key = this.nextKey++;
    const { sourceFd, fd, length, sparse, isInPlace } = filling;
    try {
      // The timer is not restarted while it runs: that would lose the signal of a thread that has finished.
      if (!this.usesThreads) startTimer(this.doneFd, CHECK_MS);
      this.pool.submit(this.queue, { key, from: sourceFd, to: fd, length, sparse, sync, isInPlace });
    } catch (error) {
      if (!this.usesThreads) stopTimer(this.doneFd);
      filling.abandon();
      throw error;
    }
    this.running.set(key, { key, isInThread: true, node, filling, complete });
    node.copyJobKey = key;
    return key;
  }

  /**
   * Starts a job that syncs `filling`, whose data has been copied, and stores its key in `node`.
   * @param begin begins to sync an fd, and calls its argument when it is synced; false: it cannot
   * @returns the key under which the request is parked; 0: `begin` has returned false, and nothing has
   * changed
   */
  startSync(
    node: FileNode,
    filling: Filling,
    begin: (fd: number, done: (errno: number) => void) => boolean,
    complete: () => void,
  ): number {
    const key = this.nextKey++;
    if (!begin(filling.fd, (errno) => this.synced.push({ key, errno }))) return 0;
    this.running.set(key, { key, isInThread: false, node, filling, complete });
    node.copyJobKey = key;
    return key;
  }

  private get usesThreads(): boolean {
    for (const { isInThread } of this.running.values()) if (isInThread) return true;
    return false;
  }

  /** Returns the jobs that have ended since the last call. */
  takeFinished(): { job: CopyJob; errno: number }[] {
    drainTimer(this.doneFd);
    const finished: { job: CopyJob; errno: number }[] = [];
    for (const { key, errno } of [...this.pool.takeReports(this.queue), ...this.synced.splice(0)]) {
      const job = this.running.get(key);
      if (job === undefined) continue;
      this.running.delete(key);
      job.node.copyJobKey = 0;
      finished.push({ job, errno });
    }
    if (!this.usesThreads) stopTimer(this.doneFd);
    return finished;
  }

  /** The number of blocks copied so far; -1: the job does not exist or has ended. */
  progress(key: number): number {
    const job = this.running.get(key);
    if (job === undefined) return -1;
    statFd(job.filling.fd, scratch);
    return scratch.blocks;
  }

  /** Stores the errno of a failed copy-up for the request that waits for it. */
  fail(node: FileNode, errno: number): void {
    this.failures.set(node, errno);
  }

  /** Returns and clears the errno of a failed copy-up that no request has received yet; 0: none. */
  takeFailure(node: FileNode): number {
    const errno = this.failures.get(node) ?? 0;
    this.failures.delete(node);
    return errno;
  }

  /** Abandons running copies. Their files have no name yet, or remain metacopies. */
  close(): void {
    this.pool.leave(this.queue);
    if (this.shared === undefined) this.pool.close();
    for (const { filling } of this.running.values()) filling.abandon();
    this.running.clear();
    close(this.doneFd);
  }
}
