/** epoll(7): waits for any of many fds, at a cost that does not grow with their number. */
import { Errno, fsError } from '../../core/errno.js';
import { close } from '../files/open.js';
import { allocate, bind, check, lastErrno } from '../libc.js';

const epollCreate = bind<(flags: number) => number>('int epoll_create1(int)');
const epollCtl = bind<(epoll: number, action: number, fd: number, event: number) => number>(
  'int epoll_ctl(int, int, int, intptr_t)',
);
const epollWait = bind<(epoll: number, events: number, count: number, timeout: number) => number>(
  'int epoll_wait(int, intptr_t, int, int)',
);
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;

/** struct epoll_event is packed on x86-64 only: 32 bits of events, and 64 of which the tag uses 32. */
const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
const TAG_WORD = process.arch === 'x64' ? 1 : 2;
/** The kernel reports the rest of the fds in the next call, so that each gets its turn. */
const MAX_EVENTS = 64;

/** Owns an epoll fd from construction until {@link close}. */
export class Epoll {
  /** The event of a fd that is added. */
  private readonly added = allocate(4 * EVENT_WORDS);
  /** The events of the last {@link wait}. */
  private readonly memory = allocate(4 * EVENT_WORDS * MAX_EVENTS);
  private readonly words = new Uint32Array(this.memory.buffer.buffer);
  private readonly fd = check(epollCreate(EPOLL_CLOEXEC), 'epoll_create1');

  /**
   * From now on {@link wait} reports `fd` as `tag` (32 bits) while it is readable, has an error or is hung
   * up.
   */
  add(fd: number, tag: number): void {
    const { buffer, address } = this.added;
    buffer.writeUInt32LE(EPOLLIN, 0);
    buffer.writeUInt32LE(tag, 4 * TAG_WORD);
    check(epollCtl(this.fd, EPOLL_CTL_ADD, fd, address), 'epoll_ctl');
  }

  /**
   * Ends the effect of {@link add}. Must be called before `fd` is closed: if a duplicate of it stays open in
   * any process, the kernel reports it forever.
   */
  remove(fd: number): void {
    check(epollCtl(this.fd, EPOLL_CTL_DEL, fd, this.added.address), 'epoll_ctl');
  }

  /**
   * Waits until an fd can be reported.
   * @param timeout in milliseconds; -1: no limit
   * @returns how many can be reported; 0 after the timeout or a signal (EINTR)
   */
  wait(timeout: number): number {
    const count = epollWait(this.fd, this.memory.address, MAX_EVENTS, timeout);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === Errno.EINTR) return 0;
    throw fsError(errno, 'epoll_wait');
  }

  /** The tag of the `i`th fd that the last {@link wait} reports; valid until the next one. */
  tag(i: number): number {
    return this.words[i * EVENT_WORDS + TAG_WORD] as number;
  }

  close(): void {
    close(this.fd);
  }
}
