/**
 * A flag that a helper thread or the prefetch thread sets when it has loaded its modules. If a thread is
 * terminated while it loads native code, the process aborts (SIGABRT: an addon cannot throw any more). The
 * same happens if its parent thread or the process ends then. So a thread must not be ended before it has set
 * the flag.
 */
import { threadIds } from './thread.js';

export type LoadedFlag = Int32Array<SharedArrayBuffer>;

/** The longest time that a thread needs to load on a busy machine, in milliseconds. */
const LOAD_MS = 10_000;
/**
 * Interval of the checks that the thread still exists, in milliseconds. A thread that fails to load ends
 * without a message.
 */
const CHECK_MS = 50;

/** Makes a flag that is not set. */
export function newLoadedFlag(): LoadedFlag {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Sets the flag. The thread calls this when it has loaded its modules. */
export function setLoaded(flag: LoadedFlag): void {
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

/**
 * Blocks until the thread has loaded its modules or has ended, at most for {@link LOAD_MS}.
 * @param ids thread ids that contain the thread's own
 */
export function waitUntilLoaded(flag: LoadedFlag, ids: readonly number[]): void {
  const end = performance.now() + LOAD_MS;
  while (Atomics.load(flag, 0) === 0 && performance.now() < end) {
    const living = threadIds();
    if (!ids.some((id) => living.includes(id))) return;
    Atomics.wait(flag, 0, 0, CHECK_MS);
  }
}
