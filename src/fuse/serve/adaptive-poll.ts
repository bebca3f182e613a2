/**
 * How long to look for the next request before sleeping. To sleep and be woken costs more than most requests
 * do, so while requests follow each other closely the device is read again and again for a moment; a mount
 * that nobody uses, or that is asked at leisure, sleeps at once. So does one on a machine with more to do
 * than it has processors: the time spent looking would be taken from those who make the requests.
 */
import type { RunQueue } from '../../sys/process/run-queue.js';

/**
 * Measured on two cores against 0.02: a cold walk and a cold read of small files take a tenth less, and 0.1
 * gains little more, while the other processor's programs pay for it.
 */
const LOOK_MS = 0.05;
/**
 * A request that came within this time of the last (its wake-up included) would have been seen, or nearly, by
 * looking.
 */
const CLOSE_MS = 0.2;
/** How long an answer to whether the machine is crowded holds. */
const CROWD_MS = 10;

export class AdaptivePoll {
  private looking = false;
  private worthwhile = false;
  private idleSince = 0;
  private isCrowded = false;
  private askedAt = 0;

  constructor(private readonly machine: Pick<RunQueue, 'isCrowded'>) {}

  /** There is no request. True: look again at once; false: sleep, and say {@link woken} after. */
  lookAgain(): boolean {
    const now = performance.now();
    if (!this.looking) {
      this.looking = true;
      this.idleSince = now;
      return this.worthwhile && !this.crowded(now);
    }
    return this.worthwhile && now - this.idleSince < LOOK_MS;
  }

  /** There was a request. */
  found(): void {
    this.looking = false;
  }

  /** Slept, and something has happened. */
  woken(): void {
    this.worthwhile = performance.now() - this.idleSince < CLOSE_MS;
    this.looking = false;
  }

  private crowded(now: number): boolean {
    if (now - this.askedAt > CROWD_MS) {
      this.askedAt = now;
      this.isCrowded = this.machine.isCrowded;
    }
    return this.isCrowded;
  }
}
