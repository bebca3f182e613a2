/** The copies of one mount. */
import { type CopyOrder, type CopyTask, TaskState } from './copy-message.js';
import type { CopyWorker } from './copy-worker.js';

/** How many orders of one mount run at a time. The others wait, and have no duplicates of fds meanwhile. */
const MAX_RUNNING = 2;
/**
 * How many milliseconds a cancellation waits until the threads have closed the files. If a layer hangs, they
 * cannot close them.
 */
const RELEASE_MS = 200;

/** An order that a thread has. */
export interface GivenTask {
  readonly queue: CopyQueue;
  /** The key of the order. */
  readonly key: number;
  readonly task: CopyTask;
  readonly worker: CopyWorker;
}

/** Used by `CopyPool` only. */
export class CopyQueue {
  readonly waiting: CopyOrder[] = [];
  readonly running = new Set<GivenTask>();
  readonly reports: { readonly key: number; readonly errno: number }[] = [];

  constructor(
    readonly doneFd: number,
    readonly log: (line: string) => void,
  ) {}

  /** Whether it has an order for a thread. */
  get isReady(): boolean {
    return this.waiting.length > 0 && this.running.size < MAX_RUNNING;
  }

  /** Drops all orders, and waits until the threads have closed the files of those that they have begun. */
  cancel(): void {
    this.waiting.length = 0;
    const begun = [...this.running].map(({ task }) => task.state).filter(isBegunWhenCancelled);
    const end = performance.now() + RELEASE_MS;
    for (const state of begun) waitUntilReleased(state, end);
  }
}

/** Cancels a task. Returns whether the thread has begun it and has not closed its files. */
function isBegunWhenCancelled(state: Int32Array<SharedArrayBuffer>): boolean {
  const { GIVEN, RUNNING, CANCELLED, RELEASED } = TaskState;
  if (Atomics.compareExchange(state, 0, GIVEN, CANCELLED) === GIVEN) return false;
  return Atomics.compareExchange(state, 0, RUNNING, CANCELLED) !== RELEASED;
}

function waitUntilReleased(state: Int32Array<SharedArrayBuffer>, end: number): void {
  for (;;) {
    const now = Atomics.load(state, 0);
    const left = end - performance.now();
    if (now === TaskState.RELEASED || left <= 0) return;
    Atomics.wait(state, 0, now, left);
  }
}
