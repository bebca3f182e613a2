import { FsError } from './errno.js';

/**
 * A step after the point of no return. The change has happened, and its caller must not be told otherwise:
 * that a step like this fails may leave something behind, never a wrong tree. Each caller says what.
 */
export function afterwards(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
  }
}

/** A change that failed, with the errno of that, and what it had done by then could not all be taken back. */
export class UndoError extends FsError {
  constructor(cause: FsError, failures: readonly unknown[]) {
    super(cause.errno, `${cause.syscall}, and what was done by then could not be taken back (${failures.join('; ')})`);
  }
}

/** Steps that take back what an unfinished change has done. */
export class UndoStack {
  private readonly steps: (() => void)[] = [];

  push(step: () => void): void {
    this.steps.push(step);
  }

  /**
   * Runs `body`; if it throws, undoes in reverse order and throws the same error, or {@link UndoError} if a
   * step fails itself: the tree may not be as it was.
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
