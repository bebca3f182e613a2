import { FsError } from './errno.js';

/**
 * Runs a step that follows a completed change. The caller must get no error for a change that has happened,
 * so an FsError of the step is ignored. A failed step can leave something behind: a comment at each call
 * names it.
 */
export function afterwards(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
  }
}

/** A change failed and could not be undone completely. It carries the errno of the original failure. */
export class UndoError extends FsError {
  constructor(cause: FsError, failures: readonly unknown[]) {
    super(cause.errno, `${cause.reason}, and earlier steps could not be undone (${failures.join('; ')})`);
  }
}

/** Steps that undo an unfinished change. */
export class UndoStack {
  private readonly steps: (() => void)[] = [];

  push(step: () => void): void {
    this.steps.push(step);
  }

  /**
   * Runs `body`. If it throws, runs the steps in reverse order and throws the same error. If a step fails
   * too, throws an {@link UndoError}, because the tree can be different from before.
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
    if (failures.length > 0 && cause instanceof FsError) throw new UndoError(cause, failures);
  }
}
