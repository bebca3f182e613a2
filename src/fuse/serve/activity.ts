/**
 * Shows other threads whether this thread is at work, and how much work it has done. It is one number in
 * shared memory, because a thread that hangs in a system call answers no message.
 */

export class Activity {
  /** For {@link readActivity}, in any thread. */
  readonly shared = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT);
  /** Twice the number of pieces of work, and 1 more during one. An aligned word is written at once. */
  private readonly word = new Float64Array(this.shared);

  begin(): void {
    this.word[0] = (this.word[0] as number) + 1;
  }

  /** Call it once after each {@link begin}, also if the work has failed. */
  end(): void {
    this.word[0] = (this.word[0] as number) + 1;
  }
}

/**
 * Reads an {@link Activity}. If two readings are equal and busy, the thread has been at one piece of work all
 * the time between them.
 */
export function readActivity(shared: SharedArrayBuffer): { readonly done: number; readonly isBusy: boolean } {
  const value = new Float64Array(shared)[0] as number;
  return { done: Math.floor(value / 2), isBusy: value % 2 === 1 };
}
