import { FsError } from './errno.js';

/**
 * A step after the point of no return. The change has happened, and its caller must not be told otherwise: that a step like
 * this fails may leave something behind, never a wrong tree. Each caller says what.
 */
export function afterwards(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
  }
}

/** Steps that take back what an unfinished change has done. */
export class UndoStack {
  private readonly steps: (() => void)[] = [];

  push(step: () => void): void {
    this.steps.push(step);
  }

  /**
   * Runs `body`; if it throws, undoes in reverse order and throws the same error. A step that fails itself is wrapped
   * into the error that the caller gets: the tree may not be as it was.
   */
  guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.unwind(error);
      throw error;
    }
  }

  private unwind(cause: unknown): void {
    const failures: unknown[] = [];
    for (const step of this.steps.reverse()) {
      try {
        step();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw new AggregateError([cause, ...failures], 'a change failed and could not be undone');
  }
}
