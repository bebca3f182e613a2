/** Measures the load of the machine. */
import { availableParallelism } from 'node:os';
import { FsError } from '../../core/errno.js';
import { O_RDONLY } from '../../core/flags.js';
import { pread } from '../files/file-io.js';
import { close, openTrusted } from '../files/open.js';
import { allocate } from '../libc.js';

const SLASH = 0x2f;
const SPACE = 0x20;

/** Owns an fd from construction until {@link close}. */
export class RunQueue {
  private readonly processors = availableParallelism();
  private readonly line = allocate(64);
  private readonly fd: number;

  constructor(path = '/proc/loadavg') {
    let fd = -1;
    try {
      fd = openTrusted(path, O_RDONLY);
    } catch (error) {
      // Without /proc/loadavg the machine counts as idle.
      if (!(error instanceof FsError)) throw error;
    }
    this.fd = fd;
  }

  /** Whether more threads are runnable than there are processors (man proc(5), /proc/loadavg). */
  get isCrowded(): boolean {
    if (this.fd < 0) return false;
    const { buffer, address } = this.line;
    const length = pread(this.fd, address, buffer.length, 0);
    const slash = buffer.indexOf(SLASH);
    if (slash < 0 || slash >= length) return false;
    const running = buffer.toString('latin1', buffer.lastIndexOf(SPACE, slash) + 1, slash);
    return Number(running) > this.processors;
  }

  close(): void {
    if (this.fd >= 0) close(this.fd);
  }
}
