import { displayName } from '../core/entry-name.js';

/** The reason of a refusal in the store. The command line prints it as one line. */
interface StoreProblem {
  /** The argument or the step. */
  readonly what: string;
  /** The path or value concerned, as bytes. */
  readonly where?: string;
  /** Text; {@link quoted} makes text of bytes. Absent: the description of `errno`. */
  readonly why?: string;
  readonly errno?: number;
  readonly advice?: string;
}

/** The most bytes that are quoted: the content of a file can be of any length. */
const MAX_QUOTED = 300;

/** Converts bytes to text, for {@link StoreProblem.why} or `advice`. */
export function quoted(bytes: string): string {
  return displayName(bytes.length > MAX_QUOTED ? `${bytes.slice(0, MAX_QUOTED)}...` : bytes);
}

/** The request cannot be carried out. This is not a bug of plyfs. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(readonly problem: StoreProblem) {
    super(`${problem.what}: ${problem.where ?? ''}: ${problem.why ?? `errno ${problem.errno}`}`);
  }
}
