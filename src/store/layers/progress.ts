/**
 * The progress of a conversion, in shared memory: the converting thread writes it, and the main thread shows
 * it.
 */
export class Progress {
  private readonly numbers: Float64Array;

  /** @param memory the memory that both threads share */
  constructor(readonly memory = new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT)) {
    this.numbers = new Float64Array(memory);
  }

  /** Counts one more object, with so many bytes of data. */
  advance(bytes: number): void {
    this.numbers[0] = this.objects + 1;
    this.numbers[1] = this.bytes + bytes;
  }

  get objects(): number {
    return this.numbers[0] ?? 0;
  }

  get bytes(): number {
    return this.numbers[1] ?? 0;
  }
}
