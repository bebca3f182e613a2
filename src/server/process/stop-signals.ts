/** SIGTERM, SIGINT and SIGHUP mean: unmount and end. */

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** How long the serving thread may take to end when it is told to. */
const PATIENCE_MS = 5000;

/** Calls `stop` at the first of the signals; later ones change nothing. */
export function onStopSignals(stop: () => void): void {
  let stopping = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      stop();
    });
  }
}

/**
 * Ends the mount of a process that is there for nothing else. A thread that hangs in a system call (a layer
 * on a network file system whose server is gone) can be ended by no other way than with the process.
 */
export async function stopForGood(mount: { stop(): Promise<void> }): Promise<void> {
  const killer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), PATIENCE_MS);
  await mount.stop();
  clearTimeout(killer);
}
