import { displayName } from '../core/entry-name.js';

/** Why something of the store was refused; the command line makes it one line. */
export interface StoreProblem {
  /** The argument or the step. */
  readonly what: string;
  /** The path or value concerned, as bytes. */
  readonly where?: string;
  /** Left out: the errno's own words. Text; what it quotes, see {@link quoted}. */
  readonly why?: string;
  readonly errno?: number;
  readonly advice?: string;
}

/** What is found in a file can be anything. */
const MAX_QUOTED = 300;

/** Bytes as a part of {@link StoreProblem.why} or `advice`, which are text. */
export function quoted(bytes: string): string {
  return displayName(bytes.length > MAX_QUOTED ? `${bytes.slice(0, MAX_QUOTED)}...` : bytes);
}

/** Something is wrong with what was asked for, not with plyfs. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(readonly problem: StoreProblem) {
    super(`${problem.what}: ${problem.where ?? ''}: ${problem.why ?? `errno ${problem.errno}`}`);
  }
}
