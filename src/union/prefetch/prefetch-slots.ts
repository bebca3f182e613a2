/** Bounds the prefetch threads of the mounts that one serving thread serves. */

/** A mount that can have a prefetch thread. */
export interface SlotHolder {
  /** Whether it has a thread, which has not ended itself. */
  readonly hasThread: boolean;
  /** Ends its thread. Returns false if the thread is at work. */
  endIdleThread(): boolean;
}

/** More threads, of 8 MiB each, would only compete for the disk. */
const MAX_THREADS = 4;

export class PrefetchSlots {
  private readonly holders = new Set<SlotHolder>();

  constructor(private readonly max = MAX_THREADS) {}

  /**
   * Reserves a thread for `holder`, and ends the idle thread of another mount if necessary. Returns false if
   * all threads are at work.
   */
  take(holder: SlotHolder): boolean {
    for (const other of this.holders) if (!other.hasThread) this.holders.delete(other);
    if (this.holders.size >= this.max) {
      const idle = [...this.holders].find((other) => other.endIdleThread());
      if (idle === undefined) return false;
      this.holders.delete(idle);
    }
    this.holders.add(holder);
    return true;
  }

  leave(holder: SlotHolder): void {
    this.holders.delete(holder);
  }
}
