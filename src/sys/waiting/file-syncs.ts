/**
 * fsync(2) without waiting for it, by the kernel's asynchronous I/O (man io_submit(2)): a thread of the
 * kernel waits for the disk, and an eventfd becomes readable.
 */

import { close } from '../files/open.js';
import { allocate, bind, check } from '../libc.js';
import { drainEventfd, openEventfd } from './eventfd.js';

const syscall2 = bind<(call: number, a: number, b: number) => number>('long syscall(long, long, long)');
const syscall3 = bind<(call: number, a: number, b: number, c: number) => number>(
  'long syscall(long, long, long, long)',
);
const syscall5 = bind<(call: number, a: number, b: number, c: number, d: number, e: number) => number>(
  'long syscall(long, long, long, long, long, long)',
);
const isX64 = process.arch === 'x64';
const SYS_IO_SETUP = isX64 ? 206 : 0;
const SYS_IO_DESTROY = isX64 ? 207 : 1;
const SYS_IO_GETEVENTS = isX64 ? 208 : 4;
const SYS_IO_SUBMIT = isX64 ? 209 : 2;

/** How many syncs can be under way. fs.aio-max-nr limits the sum of all programs to 65,536. */
const MAX_SYNCS = 128;

/** struct iocb (linux/aio_abi.h). */
const IOCB_SIZE = 64;
const IOCB_DATA = 0;
const IOCB_OPCODE = 16;
const IOCB_FD = 20;
const IOCB_FLAGS = 56;
const IOCB_RESFD = 60;
const IOCB_CMD_FSYNC = 2;
const IOCB_CMD_FDSYNC = 3;
const IOCB_FLAG_RESFD = 1;
/** struct io_event. */
const EVENT_SIZE = 32;
const EVENT_DATA = 0;
const EVENT_RES = 16;

export interface FinishedSync {
  readonly key: number;
  /** 0, or the errno of fsync(2). */
  readonly errno: number;
}

/** Owns an fd and memory of the kernel from construction until {@link close}. */
export class FileSyncs {
  /** Becomes readable when a sync has ended. Then {@link takeFinished} must be called. */
  readonly doneFd = openEventfd();
  private readonly iocb = allocate(IOCB_SIZE);
  /** An array of one pointer to the iocb. The kernel copies it during the call. */
  private readonly pointers = allocate(8);
  private readonly events = allocate(EVENT_SIZE * MAX_SYNCS);
  private readonly context: number;
  private running = 0;

  /** Throws if the kernel has no asynchronous I/O (ENOSYS), or too much is in use (EAGAIN). */
  constructor() {
    const { buffer, address } = allocate(8);
    try {
      check(syscall2(SYS_IO_SETUP, MAX_SYNCS, address), 'io_setup');
    } catch (error) {
      close(this.doneFd);
      throw error;
    }
    this.context = Number(buffer.readBigUInt64LE());
    this.pointers.buffer.writeBigUInt64LE(BigInt(this.iocb.address));
  }

  /**
   * Starts to sync `fd`. The kernel holds the file until it is done, so the caller can close `fd`.
   * @param key any integer, for {@link takeFinished}
   * @returns false if the kernel cannot do it now: too many are under way, or the file system has no fsync
   */
  start(fd: number, datasync: boolean, key: number): boolean {
    if (this.running === MAX_SYNCS) return false;
    const { buffer } = this.iocb;
    buffer.writeBigUInt64LE(BigInt(key), IOCB_DATA);
    buffer.writeUInt16LE(datasync ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC, IOCB_OPCODE);
    buffer.writeInt32LE(fd, IOCB_FD);
    buffer.writeUInt32LE(IOCB_FLAG_RESFD, IOCB_FLAGS);
    buffer.writeInt32LE(this.doneFd, IOCB_RESFD);
    if (syscall3(SYS_IO_SUBMIT, this.context, 1, this.pointers.address) !== 1) return false;
    this.running++;
    return true;
  }

  /** Returns the syncs that have ended since the last call. */
  takeFinished(): FinishedSync[] {
    // Before the events are read: one that ends later signals again.
    drainEventfd(this.doneFd);
    const { buffer, address } = this.events;
    const count = check(syscall5(SYS_IO_GETEVENTS, this.context, 0, MAX_SYNCS, address, 0), 'io_getevents');
    this.running -= count;
    return Array.from({ length: count }, (_, i) => ({
      key: Number(buffer.readBigUInt64LE(i * EVENT_SIZE + EVENT_DATA)),
      errno: Math.abs(Number(buffer.readBigInt64LE(i * EVENT_SIZE + EVENT_RES))),
    }));
  }

  /** Waits for the syncs that are under way. */
  close(): void {
    check(syscall2(SYS_IO_DESTROY, this.context, 0), 'io_destroy');
    close(this.doneFd);
  }
}
