/**
 * Decides how long the server polls for the next request before it sleeps. Sleeping and being woken takes
 * longer than most requests do. So while requests follow each other closely, the server reads the device
 * again and again for a moment. It sleeps at once if the mount is idle or requests are far apart. It also
 * sleeps at once if more threads can run than there are processors: polling would take time from the programs
 * that make the requests.
 */
import type { RunQueue } from '../../sys/process/run-queue.js';

/**
 * How long to poll. Measured on two cores against 0.02: a cold walk and a cold read of small files take a
 * tenth less. 0.1 gains little more, and programs on the other processor become slower.
 */
const POLL_MS = 0.05;
/** If the next request arrived within this time (with the wake-up), polling would have seen it, or nearly. */
const CLOSE_MS = 0.2;
/** How long the server relies on one look at the run queue. */
const CROWD_MS = 10;

export class AdaptivePoll {
  private isPolling = false;
  private isWorthwhile = false;
  private idleSince = 0;
  private isCrowded = false;
  private checkedAt = 0;

  constructor(private readonly machine: Pick<RunQueue, 'isCrowded'>) {}

  /**
   * Call it when the device has no request. True: read the device again at once. False: sleep, then call
   * {@link woken}.
   */
  continues(): boolean {
    const now = performance.now();
    if (!this.isPolling) {
      this.isPolling = true;
      this.idleSince = now;
      return this.isWorthwhile && !this.crowded(now);
    }
    return this.isWorthwhile && now - this.idleSince < POLL_MS;
  }

  /** Call it when the device had a request. */
  found(): void {
    this.isPolling = false;
  }

  /** Call it after the sleep. */
  woken(): void {
    this.isWorthwhile = performance.now() - this.idleSince < CLOSE_MS;
    this.isPolling = false;
  }

  private crowded(now: number): boolean {
    if (now - this.checkedAt > CROWD_MS) {
      this.checkedAt = now;
      this.isCrowded = this.machine.isCrowded;
    }
    return this.isCrowded;
  }
}
