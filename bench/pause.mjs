/** Lets Node handle signals in a loop that is synchronous otherwise. @param {AbortSignal} signal */
export async function interruptible(signal) {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}

/** Waits for `condition`, at most `seconds`. @returns whether it is true */
export async function waitFor(condition, seconds, signal) {
  const end = Date.now() + seconds * 1000;
  while (!condition()) {
    signal?.throwIfAborted();
    if (Date.now() > end) return false;
    await pause(0.01);
  }
  return true;
}

export function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
