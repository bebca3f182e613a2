/** How many lines may come at once, and how many a second after that. */
const BURST = 100;
const PER_SECOND = 1;

/**
 * A sink for lines that somebody else can cause: whoever may read a broken object can read it again and
 * again, and each line costs the log its place and us a moment. What is left out is counted, and told before
 * the next line.
 * @param now milliseconds
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
    if (leftOut > 0) sink(`${leftOut} lines were left out here, there were too many`);
    leftOut = 0;
    sink(line);
  };
}
