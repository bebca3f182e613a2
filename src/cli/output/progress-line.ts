/**
 * One line on the terminal that shows progress: it is overwritten every 100 ms, and cleared at the end.
 * Nothing is printed if stderr is not a terminal.
 */
import { Errno } from '../../core/errno.js';
import { errnoOf } from '../../server/config/mount-error.js';

/** The time between two writes, in milliseconds. */
const INTERVAL_MS = 100;
/** Moves the cursor to the beginning of the line, and erases the line. */
const CLEAR = '\r\x1b[K';

/** The line, and the timer that writes it. */
export class ProgressLine {
  private timer: NodeJS.Timeout | undefined;

  /** @param text called whenever the line is written */
  show(text: () => string): void {
    this.end();
    if (!process.stderr.isTTY) return;
    process.stderr.off('error', unlessHungUp).on('error', unlessHungUp);
    // 0: the terminal does not know its width.
    const columns = process.stderr.columns || 80;
    const write = (): void => {
      process.stderr.write(CLEAR + text().slice(0, columns - 1));
    };
    write();
    this.timer = setInterval(write, INTERVAL_MS);
  }

  end(): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    process.stderr.write(CLEAR);
  }
}

/** Ignores EIO: the terminal has been hung up and cannot show the line. */
function unlessHungUp(error: Error): void {
  if (errnoOf(error) !== Errno.EIO) throw error;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `1536` → `"1.5 KiB"`. */
export function readableSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}
