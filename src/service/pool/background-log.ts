/** A log that is written in the background: that of a mount, and of a service in the background. */
import { type ChildProcess, spawn } from 'node:child_process';
import { close, write } from 'node:fs';
import { deferred } from '../../server/deferred.js';

/** Lines that wait for the log. More are dropped: the log hangs. */
const MAX_WAITING = 1000;

/**
 * Writes lines to a file or to syslog, one after the other, without blocking: the file can be on a file
 * system that hangs, and logger(1) takes its time.
 */
export class BackgroundLog {
  private readonly waiting: string[] = [];
  private isWriting = false;
  private isClosed = false;
  private readonly end = deferred();

  /** @param fd an open file, which this object owns; undefined: lines are sent to syslog */
  constructor(private readonly fd: number | undefined) {}

  add(line: string): void {
    if (this.waiting.length < MAX_WAITING) this.waiting.push(line);
    if (!this.isWriting) this.writeNext();
  }

  /** Closes the file after the lines that wait have been written. Resolves then. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (!this.isWriting) this.release();
    await this.end.promise;
  }

  private writeNext(): void {
    const line = this.waiting.shift();
    this.isWriting = line !== undefined;
    if (line === undefined) {
      if (this.isClosed) this.release();
    } else if (this.fd === undefined) this.sendToSyslog(line);
    else this.append(this.fd, line);
  }

  /** A line that cannot be written (ENOSPC, EIO) is lost: there is no other place for it. */
  private append(fd: number, line: string): void {
    write(fd, `${new Date().toISOString()} plyfs[${process.pid}]: ${line}\n`, () => this.writeNext());
  }

  /** Without logger(1) or a syslog daemon the line is lost. */
  private sendToSyslog(line: string): void {
    let logger: ChildProcess;
    try {
      logger = spawn('logger', ['-t', `plyfs[${process.pid}]`, '--', line], { stdio: 'ignore', timeout: 5000 });
    } catch {
      // ENOMEM, or E2BIG: the line is too long for an argument. It is lost, and must not end the process,
      // which has all mounts.
      setImmediate(() => this.writeNext());
      return;
    }
    let isDone = false;
    const done = (): void => {
      if (!isDone) this.writeNext();
      isDone = true;
    };
    logger.on('error', done);
    logger.on('exit', done);
  }

  private release(): void {
    if (this.fd === undefined) this.end.resolve();
    else close(this.fd, () => this.end.resolve());
  }
}
