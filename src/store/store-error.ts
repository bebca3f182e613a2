/** Why something of the store was refused; the command line makes it one line. */
export interface StoreProblem {
  /** The argument or the step. */
  readonly what: string;
  /** The path or value concerned, as bytes. */
  readonly where?: string;
  /** Left out: the errno's own words. */
  readonly why?: string;
  readonly errno?: number;
  readonly advice?: string;
}

/** Something is wrong with what was asked for, not with plyfs. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(readonly problem: StoreProblem) {
    super(`${problem.what}: ${problem.where ?? ''}: ${problem.why ?? `errno ${problem.errno}`}`);
  }
}
