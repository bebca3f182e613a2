/** SIGTERM, SIGINT and SIGHUP mean: unmount and end. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

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
