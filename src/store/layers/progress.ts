/** How far a conversion is: numbers that the thread which converts writes and another one shows. */
export class Progress {
  private readonly numbers: Float64Array;

  /** @param memory shared by both threads */
  constructor(readonly memory = new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT)) {
    this.numbers = new Float64Array(memory);
  }

  /** One more object, with so much data. */
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

  reset(): void {
    this.numbers.fill(0);
  }
}
