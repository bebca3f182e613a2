/** The signals SIGTERM, SIGINT and SIGHUP, which make a server unmount and end. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** How long the serving thread may need to end, in milliseconds. Then the process is killed. */
const ENDING_MS = 5000;

/** Calls `stop` when the first of the signals arrives, and ignores later ones. */
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
 * Ends everything that this process serves. Kills the process if that takes too long: a thread that hangs in
 * a system call (a layer on a network file system whose server does not answer) cannot be ended otherwise.
 */
export async function stopForGood(served: { stop(): Promise<void> }): Promise<void> {
  const killer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), ENDING_MS);
  await served.stop();
  clearTimeout(killer);
}
