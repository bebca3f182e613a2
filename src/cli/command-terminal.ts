/**
 * A terminal for the command of `plyfs run`. That of the caller belongs to a session outside of the command's namespaces, where the command
 * can neither name it (tty(1)) nor give it to its process groups (job control). So it gets one of its own, and we pass on what is
 * written at either end, as container engines do.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isatty, ReadStream } from 'node:tty';
import { Errno } from '../core/errno.js';
import { errnoOf } from '../server/mount-error.js';
import { setTerminal, type TerminalSettings } from './caller-terminal.js';

/** How long to wait before writing to a terminal again whose reader does not read. */
const RETRY_MS = 5;
/** How long output may take that was written before everybody at the other end had ended. */
const REST_MS = 1000;

export class CommandTerminal {
  readonly #output: ReadStream;
  readonly #ended: Promise<void>;
  #input: Buffer[] = [];

  private constructor(
    private readonly master: number,
    /** The command's end; closed by {@link relay}. */
    private readonly slave: number,
    private readonly settings: TerminalSettings,
    private readonly copyWindowSize: (from: number, to: number) => void,
  ) {
    this.#output = new ReadStream(master);
    this.#ended = new Promise((resolve) => {
      this.#output.once('close', resolve);
      // EIO: nobody has the other end open any more.
      this.#output.once('error', () => this.#output.destroy());
    });
  }

  /**
   * @param root where the tree is mounted, with a devpts in it
   * @param settings of the caller's terminal, on stdin
   */
  static async open(root: string, settings: TerminalSettings): Promise<CommandTerminal> {
    const { copyWindowSize, openTerminal } = await import('../sys/pseudo-terminal.js');
    const master = openSync(join(root, 'dev/pts/ptmx'), constants.O_RDWR | constants.O_NOCTTY);
    const slave = openTerminal(master);
    copyWindowSize(0, master);
    setTerminal([settings], slave);
    return new CommandTerminal(master, slave, settings, copyWindowSize);
  }

  /** For the command: what is the caller's terminal becomes this one, other files stay what they are. */
  get stdio(): (number | 'inherit')[] {
    return [0, 1, 2].map((fd) => (isatty(fd) ? this.slave : 'inherit'));
  }

  /** From when the command has been started. */
  relay(): void {
    closeSync(this.slave);
    setTerminal(['raw', '-echo']);
    const screen = isatty(1) ? process.stdout : process.stderr;
    // The caller's terminal is gone: so is the command, by SIGHUP.
    for (const stream of [screen, process.stdin]) stream.on('error', () => {});
    this.#output.on('data', (data) => screen.write(data));
    process.stdin.on('data', (data) => this.#type(data));
    process.on('SIGWINCH', () => this.copyWindowSize(0, this.master));
  }

  #type(data: Buffer): void {
    this.#input.push(data);
    if (this.#input.length === 1) this.#write();
  }

  #write(): void {
    for (let data = this.#input[0]; data !== undefined; data = this.#input[0]) {
      try {
        const written = writeSync(this.master, data);
        if (written === data.length) this.#input.shift();
        else this.#input[0] = data.subarray(written);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === Errno.EAGAIN) {
          setTimeout(() => this.#write(), RETRY_MS);
          return;
        }
        // EIO, EBADF: the command has ended.
        if (errno !== Errno.EIO && errno !== Errno.EBADF) throw error;
        this.#input = [];
      }
    }
  }

  /** When all who could write to it have ended: shows what they have written, and gives the caller's terminal back. */
  async close(): Promise<void> {
    process.removeAllListeners('SIGWINCH');
    process.stdin.pause();
    const timer = setTimeout(() => this.#output.destroy(), REST_MS);
    await this.#ended;
    clearTimeout(timer);
    setTerminal([this.settings]);
  }
}
