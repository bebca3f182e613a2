/**
 * How long to look for the next request before sleeping. To sleep and be woken costs more than most requests do, so while
 * requests follow each other closely the device is read again and again for a moment; a mount that nobody uses, or that
 * is asked at leisure, sleeps at once.
 */

/** Looking longer than this costs more than the wake-up it saves. */
const LOOK_MS = 0.02;
/** A request that came within this time of the last (its wake-up included) would have been seen, or nearly, by looking. */
const CLOSE_MS = 0.15;

export class Patience {
  private looking = false;
  private worthwhile = false;
  private idleSince = 0;

  /** There is no request. True: look again at once; false: sleep, and say {@link woken} after. */
  lookAgain(): boolean {
    const now = performance.now();
    if (!this.looking) {
      this.looking = true;
      this.idleSince = now;
      return this.worthwhile;
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
}
