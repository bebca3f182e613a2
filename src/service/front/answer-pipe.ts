/**
 * The pipe by which a caller without Node gets its answers. It is also the token of the exchange: if the
 * caller has read everything, the mount is its own; if it ends before that, the mount is undone.
 */
import { closeSync, constants, lstatSync, openSync, writeSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { errnoOf, oneLine } from '../../server/config/mount-error.js';
import { readLink } from '../../sys/process/process-facts.js';
import { unreadBytes } from '../../sys/waiting/pipe.js';
import { hasReader } from '../../sys/waiting/poll.js';
import { isOutOfFds } from './reserve-fd.js';

/** The fds of the caller that are the ends of its pipe, while it waits for the first answer. */
const READER_FD = 9;
const WRITER_FD = 8;
const READABLE = 0o400;
const WRITABLE = 0o200;

/** The state of the caller, as its pipe shows it. */
export interface Progress {
  /** A process has the read end open. */
  readonly hasReader: boolean;
  /** Everything that was sent has been read. Without a reader, this does not change any more. */
  readonly isRead: boolean;
}

/** Owns the write end from construction until {@link close}. */
export class AnswerPipe {
  /** Bytes that the pipe has had no room for. */
  private waiting: Buffer = Buffer.alloc(0);

  constructor(private readonly fd: number) {}

  /**
   * Opens the pipe of a process for writing. Undefined: it has none, or has ended. A FIFO with a name, or any
   * other file, is never opened, because opening it can have effects. The pid in a request can be that of a
   * process that does not wait for an answer, so a pipe is only opened if both ends are where a caller has
   * them: nothing is written to a pipe that a process uses for something else.
   * @throws EMFILE or ENFILE if no fds are left
   */
  static open(pid: number): AnswerPipe | undefined {
    const link = `/proc/${pid}/fd/${READER_FD}`;
    const target = readLink(link);
    if (target?.startsWith('pipe:[') !== true || readLink(`/proc/${pid}/fd/${WRITER_FD}`) !== target) return undefined;
    if (accessOf(pid, READER_FD) !== READABLE || accessOf(pid, WRITER_FD) !== WRITABLE) return undefined;
    try {
      const fd = openSync(link, constants.O_WRONLY | constants.O_NONBLOCK);
      if (readLink(`/proc/self/fd/${fd}`) === target) return new AnswerPipe(fd);
      closeSync(fd);
      return undefined;
    } catch (error) {
      // ENOENT, ESRCH: it has ended, or closed the fd. EACCES: it is another user's.
      if (errnoOf(error) === undefined || isOutOfFds(error)) throw error;
      return undefined;
    }
  }

  /** Sends a line. It waits for room in the pipe, but the caller of this function does not. */
  send(line: string): void {
    this.waiting = Buffer.concat([this.waiting, Buffer.from(`${oneLine(line)}\n`, 'utf8')]);
    this.flush();
  }

  /** Looks how far the caller has read, and sends what the pipe has had no room for. */
  look(): Progress {
    this.flush();
    // In this order: if there is no reader, no byte can be read after that.
    const isOpen = hasReader(this.fd);
    return { hasReader: isOpen, isRead: this.waiting.length === 0 && unreadBytes(this.fd) === 0 };
  }

  close(): void {
    closeSync(this.fd);
  }

  private flush(): void {
    try {
      while (this.waiting.length > 0) this.waiting = this.waiting.subarray(writeSync(this.fd, this.waiting));
    } catch (error) {
      const errno = errnoOf(error);
      // EAGAIN: the pipe is full. EPIPE: it has no reader, as `look` will find.
      if (errno !== Errno.EAGAIN && errno !== Errno.EPIPE) throw error;
    }
  }
}

/**
 * How a process has opened a file, as the permissions of the link in /proc show it: looking needs no fd.
 * Undefined: it has not, or has ended.
 */
function accessOf(pid: number, fd: number): number | undefined {
  try {
    return lstatSync(`/proc/${pid}/fd/${fd}`).mode & (READABLE | WRITABLE);
  } catch (error) {
    // ENOENT, ESRCH: it has ended, or closed the fd. EACCES: it is another user's.
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
