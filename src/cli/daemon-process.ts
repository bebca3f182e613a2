/** The background process of a mount, seen from the command line that starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { DaemonReport, DaemonStart } from '../server/daemon-report.js';

const DAEMON = fileURLToPath(new URL('../server/daemon.js', import.meta.url));

/** How a start ended: by a report, or by the daemon's end (why, in words). */
export type Answer = Exclude<DaemonReport, { kind: 'warning' }> | { readonly kind: 'ended'; readonly why: string };

/**
 * Starting Node takes longer than all the rest of a mount, so this is made first and told later what to do, while
 * the command line is still being read. It gets none of our stdio: who started us may wait for the end of the pipes
 * that we write to.
 */
export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #ended: Promise<string>;

  constructor() {
    this.#child = spawn(process.execPath, [DAEMON], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    this.#channel = this.#child.stdio[3] as Duplex;
    this.#channel.on('error', () => {}); // EPIPE: the daemon ended early, which `ended` tells.
    this.#ended = new Promise<string>((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (status, signal) => resolve(signal ?? `status ${status}`));
    });
  }

  /** Nothing is to be mounted after all. The daemon has not been told anything, and holds nothing. */
  dismiss(): void {
    this.#child.kill('SIGKILL');
    this.#release();
  }

  /** Lets it mount; resolves when the mount answers or will never do. */
  async start(start: DaemonStart, warn: (line: string) => void): Promise<Answer> {
    // A socket: our half is closed to say that this is all, and the other half still read.
    this.#channel.end(JSON.stringify(start));
    let text = '';
    for await (const chunk of this.#channel.setEncoding('utf8')) {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const report = JSON.parse(line) as DaemonReport;
        if (report.kind === 'warning') warn(report.line);
        else {
          this.#release();
          return report;
        }
      }
    }
    return { kind: 'ended', why: await this.#ended };
  }

  #release(): void {
    this.#channel.destroy();
    this.#child.unref();
  }
}
