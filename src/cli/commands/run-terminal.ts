/**
 * A terminal for the command of `plyfs run`. The caller's terminal belongs to a session outside of the
 * command's namespaces: the command can neither find its name (tty(1)) nor give it to process groups of its
 * own (job control). So the command gets a pseudo-terminal, and this process copies bytes between the two
 * terminals, as container engines do.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isatty, ReadStream } from 'node:tty';
import { Errno } from '../../core/errno.js';
import { errnoOf } from '../../server/config/mount-error.js';
import { setTerminal, type TerminalSettings } from '../process/caller-terminal.js';

/** How long to wait before writing again to a terminal whose input queue is full, in milliseconds. */
const RETRY_MS = 5;
/** How long to read the remaining output after all processes of the command have ended, in milliseconds. */
const IDLE_MS = 1000;

/** The pseudo-terminal of the command, and the caller's terminal on stdin. */
export class RunTerminal {
  /** The output of the command. */
  private readonly output: ReadStream;
  /** Resolves when `output` has been read to its end. */
  private readonly ended: Promise<void>;
  /** Typed bytes that the command's terminal has not accepted yet. */
  private input: Buffer[] = [];
  private isRelaying = false;

  private constructor(
    private readonly master: number,
    /** The command's end; closed by {@link relay}, or by {@link close} if no command was started. */
    private readonly slave: number,
    private readonly settings: TerminalSettings,
    private readonly copyWindowSize: CopyWindowSize,
  ) {
    this.output = new ReadStream(master);
    this.ended = new Promise((resolve) => {
      this.output.once('close', resolve);
      // EIO: no process has the other end open any more.
      this.output.once('error', () => this.output.destroy());
    });
  }

  /**
   * Opens a pseudo-terminal with the settings and the size of the caller's terminal.
   * @param root the mountpoint of the tree, in which a devpts is mounted
   * @param settings the settings of the caller's terminal, on stdin
   */
  static async open(root: string, settings: TerminalSettings): Promise<RunTerminal> {
    const { copyWindowSize, openTerminal } = await import('../../sys/process/pseudo-terminal.js');
    const master = openSync(join(root, 'dev/pts/ptmx'), constants.O_RDWR | constants.O_NOCTTY);
    const slave = openTerminal(master);
    const terminal = new RunTerminal(master, slave, settings, unlessHungUp(copyWindowSize));
    terminal.copyWindowSize(0, master);
    setTerminal([settings], slave);
    return terminal;
  }

  /** The command's stdio: this terminal replaces the caller's terminal; files and pipes are inherited. */
  get stdio(): (number | 'inherit')[] {
    return [0, 1, 2].map((fd) => (isatty(fd) ? this.slave : 'inherit'));
  }

  /** Starts to copy between the two terminals. Call it after the command has been started. */
  relay(): void {
    this.isRelaying = true;
    closeSync(this.slave);
    setTerminal(['raw', '-echo']);
    const screen = isatty(1) ? process.stdout : process.stderr;
    // Errors mean that the caller's terminal was closed. The kernel then sends SIGHUP, which ends the command
    // as well.
    for (const stream of [screen, process.stdin]) stream.on('error', () => {});
    this.output.on('data', (data) => screen.write(data));
    process.stdin.on('data', (data) => this.type(data));
    process.on('SIGWINCH', () => this.copyWindowSize(0, this.master));
  }

  /** Passes on what the user has typed. While an earlier part waits, it is queued. */
  private type(data: Buffer): void {
    this.input.push(data);
    if (this.input.length === 1) this.write();
  }

  /** Writes the queue to the command's terminal, as far as that accepts it. */
  private write(): void {
    for (let data = this.input[0]; data !== undefined; data = this.input[0]) {
      try {
        const written = writeSync(this.master, data);
        if (written === data.length) this.input.shift();
        else this.input[0] = data.subarray(written);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === Errno.EAGAIN) {
          setTimeout(() => this.write(), RETRY_MS);
          return;
        }
        // EIO, EBADF: the command has ended.
        if (errno !== Errno.EIO && errno !== Errno.EBADF) throw error;
        this.input = [];
      }
    }
  }

  /**
   * Shows the remaining output and restores the caller's terminal. Call it after all processes of the command
   * have ended.
   */
  async close(): Promise<void> {
    if (!this.isRelaying) {
      // While these files are open, the devpts of the tree cannot be unmounted.
      closeSync(this.slave);
      this.output.destroy();
      await this.ended;
      return;
    }
    process.removeAllListeners('SIGWINCH');
    process.stdin.pause();
    const timer = setTimeout(() => this.output.destroy(), IDLE_MS);
    await this.ended;
    clearTimeout(timer);
    setTerminal([this.settings]);
  }
}

/** Gives one terminal the size of another. */
type CopyWindowSize = (from: number, to: number) => void;

/**
 * Ignores EIO: the caller's terminal has been hung up, and no longer has a size. SIGHUP then ends the
 * command.
 */
function unlessHungUp(copy: CopyWindowSize): CopyWindowSize {
  return (from, to) => {
    try {
      copy(from, to);
    } catch (error) {
      if (errnoOf(error) !== Errno.EIO) throw error;
    }
  };
}
