/** How many lines can be printed at once. */
const BURST = 100;
/** How many more lines can be printed after each second. */
const PER_SECOND = 1;

/**
 * Limits the rate of log lines. An application can cause them: each time it reads a damaged object, the
 * server logs a line, which fills the log and takes time. Lines beyond the limit are dropped. Their number is
 * printed before the next line.
 * @param now the time in milliseconds
 */
export function limitLines(sink: (line: string) => void, now: () => number = Date.now): (line: string) => void {
  let allowed = BURST;
  let countedAt = now();
  let dropped = 0;
  return (line) => {
    const time = now();
    allowed = Math.min(BURST, allowed + ((time - countedAt) / 1000) * PER_SECOND);
    countedAt = time;
    if (allowed < 1) {
      dropped++;
      return;
    }
    allowed--;
    if (dropped > 0) sink(`too many log lines: ${dropped} were dropped here`);
    dropped = 0;
    sink(line);
  };
}
