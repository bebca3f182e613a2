/**
 * Whether a helper thread has loaded its modules. A thread that is terminated while it loads native code takes the process with it
 * (SIGABRT: an addon cannot throw any more), and so does one whose process or parent thread ends then. So it must have loaded them before
 * anybody ends it.
 */
import { threadIds } from './thread.js';

export type LoadedFlag = Int32Array<SharedArrayBuffer>;

/** How long a thread may take to load on a busy machine. Milliseconds. */
const LOAD_MS = 10_000;
/** How often to look whether it is still there: one that cannot load dies without a word. */
const LOOK_MS = 50;

export function newLoadedFlag(): LoadedFlag {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Called by the thread when its modules are there. */
export function setLoaded(flag: LoadedFlag): void {
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

/**
 * Blocks until the thread has loaded its modules, or is not there any more.
 * @param ids thread ids of which one is its own
 */
export function waitUntilLoaded(flag: LoadedFlag, ids: readonly number[]): void {
  const end = performance.now() + LOAD_MS;
  while (Atomics.load(flag, 0) === 0 && performance.now() < end) {
    const living = threadIds();
    if (!ids.some((id) => living.includes(id))) return;
    Atomics.wait(flag, 0, 0, LOOK_MS);
  }
}
