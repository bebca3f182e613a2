/**
 * Whether a helper thread has loaded its modules. If a thread is terminated while it loads native code, the
 * process aborts (SIGABRT: an addon cannot throw any more). The same happens if its parent thread or the
 * process ends then. So a thread that has not set this flag must not be ended.
 */
import { threadIds } from './thread.js';

export type LoadedFlag = Int32Array<SharedArrayBuffer>;

/** How long a thread on a busy machine may need to load, in milliseconds. */
const LOAD_MS = 10_000;
/**
 * How often to check that the thread still exists, in milliseconds: one that cannot load ends without a
 * message.
 */
const LOOK_MS = 50;

/** A flag that is not set yet. */
export function newLoadedFlag(): LoadedFlag {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Called by the thread when it has loaded its modules. */
export function setLoaded(flag: LoadedFlag): void {
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

/**
 * Blocks until the thread has loaded its modules or has ended, at most for {@link LOAD_MS}.
 * @param ids thread ids; one of them is the thread's
 */
export function waitUntilLoaded(flag: LoadedFlag, ids: readonly number[]): void {
  const end = performance.now() + LOAD_MS;
  while (Atomics.load(flag, 0) === 0 && performance.now() < end) {
    const living = threadIds();
    if (!ids.some((id) => living.includes(id))) return;
    Atomics.wait(flag, 0, 0, LOOK_MS);
  }
}
