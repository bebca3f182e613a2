/** How many lines are printed at once, and how many a second after these. */
const BURST = 100;
const PER_SECOND = 1;

/**
 * Limits the rate of log lines. An application can cause them: each time it reads a damaged object, the
 * server logs a line, which fills the log and takes time. Lines beyond the limit are dropped. Their number is
 * printed before the next line.
 * @param now the time in milliseconds
 */
export function limitLines(sink: (line: string) => void, now: () => number = Date.now): (line: string) => void {
  let room = BURST;
  let at = now();
  let leftOut = 0;
  return (line) => {
    const time = now();
    room = Math.min(BURST, room + ((time - at) / 1000) * PER_SECOND);
    at = time;
    if (room < 1) {
      leftOut++;
      return;
    }
    room--;
    if (leftOut > 0) sink(`too many log lines: ${leftOut} were dropped here`);
    leftOut = 0;
    sink(line);
  };
}
