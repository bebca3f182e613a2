/** The threads that serve the mounts of the service, and the table of these mounts. */
import { close } from 'node:fs';
import { Errno } from '../../core/errno.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { asMountError, MountError } from '../../server/config/mount-error.js';
import type { MountEvents, MountOrder, Mounts, PoolStatus } from '../order/mount-order.js';
import { type CheckAnswer, CheckWorkers } from './check-workers.js';
import type { CheckedMount, PoolReport, Refusal, UnmountOutcome } from './pool-message.js';
import { PoolThreads, type PoolThreadsEvents } from './pool-threads.js';
import type { PoolWorker } from './pool-worker.js';
import { PooledMount } from './pooled-mount.js';

/** The pause before a mount is tried again that waits for the server of an earlier mount, in milliseconds. */
const RETRY_MS = 10;

const ENDED: Refusal = { message: 'server: the serving thread has ended', errno: undefined };
const ABANDONED: Refusal = { message: 'service: ended before the mount was ready', errno: Errno.EINTR };

/**
 * All mounts of the server process. It runs on the main thread, and touches neither a layer nor a mountpoint:
 * checking threads do what can hang, pool threads serve.
 */
export class ServingPool implements Mounts {
  private readonly mounts = new Map<number, PooledMount>();
  private readonly threads: PoolThreads;

  constructor(
    private readonly checks: Pick<CheckWorkers, 'give' | 'close'> = new CheckWorkers(),
    makeThreads = (events: PoolThreadsEvents): PoolThreads => new PoolThreads(events),
  ) {
    this.threads = makeThreads({
      report: (report, from) => this.receive(report, from),
      ended: (thread, error) => this.handleThreadEnd(thread, error),
    });
  }

  mount(order: MountOrder, events: MountEvents): void {
    const mount = new PooledMount(order, events);
    this.mounts.set(order.id, mount);
    this.threads.look();
    const { id, what, place, deviceFd, logs } = order;
    this.checks.give(
      { kind: 'check', id, what, place, deviceFd, opensLog: logs === 'sink' },
      { line: (line) => mount.addLine(line), done: (answer) => this.handleChecked(mount, answer) },
    );
  }

  async unmount(id: number, { lazy }: { readonly lazy: boolean }): Promise<void> {
    const mount = this.mounts.get(id);
    if (mount === undefined) return;
    if (mount.state !== 'ready') {
      // It is undone as soon as the thread that checks it or makes it answers.
      mount.isAbandoned = true;
      await mount.closed;
      return;
    }
    const outcome = await this.detach(mount, lazy).catch((error: unknown) => {
      // Its server ends nevertheless. A mount that stays returns ENOTCONN.
      if (lazy) mount.thread?.give({ kind: 'stop', id });
      throw error;
    });
    if (outcome === 'hidden' && !lazy) throw hiddenError(mount);
    // If no known mount namespace shows it, it cannot be unmounted. Its server can only be ended.
    const isOutOfReach = mount.location === undefined;
    if (lazy || isOutOfReach) mount.thread?.give({ kind: 'stop', id });
    if (outcome === 'absent' && !isOutOfReach && !lazy) return;
    await mount.closed;
  }

  async status(): Promise<PoolStatus> {
    const { statistics, threads } = await this.threads.ask();
    const mounts = [...this.mounts.values()].map((mount) => {
      const { requests = null, nodes = null, memory = null } = statistics.get(mount.id) ?? {};
      return { ...mount.describe(), requests, nodes, memory };
    });
    return { threads, mounts };
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.mounts.values()].map((mount) => this.stop(mount)));
  }

  /** Ends a mount also if it cannot be unmounted, so that the others end too. */
  private async stop(mount: PooledMount): Promise<void> {
    try {
      await this.unmount(mount.id, { lazy: true });
    } catch (error) {
      mount.addLine(asMountError(error, 'unmount').message);
      await mount.closed;
    }
  }

  /** Ends the threads. There are no mounts any more. */
  async close(): Promise<void> {
    this.checks.close();
    await this.threads.close();
  }

  private handleChecked(mount: PooledMount, answer: CheckAnswer): void {
    if (answer.kind === 'unmounted') return;
    if (answer.kind === 'refused') this.refuseUnassigned(mount, answer);
    else if (answer.kind === 'stuck') this.decline(mount);
    else if (mount.isAbandoned) this.refuseUnassigned(mount, ABANDONED, answer.logFd);
    else void this.assign(mount, answer);
  }

  private decline(mount: PooledMount): void {
    if (mount.order.deviceFd !== undefined) close(mount.order.deviceFd, () => {});
    this.mounts.delete(mount.id);
    mount.declined('the file systems of other mounts do not answer');
  }

  /** Refuses a mount that no thread has, and closes the fds that a thread would own. */
  private refuseUnassigned(mount: PooledMount, refusal: Refusal, logFd?: number): void {
    for (const fd of [mount.order.deviceFd, logFd]) if (fd !== undefined) close(fd, () => {});
    this.refuse(mount, refusal);
  }

  /** Gives the mount to a thread. */
  private async assign(mount: PooledMount, checked: CheckedMount): Promise<void> {
    let thread: PoolWorker;
    try {
      thread = await this.threads.choose(checked.isLocal);
    } catch (error) {
      // There are too few fds, threads or memory for a new thread.
      this.refuseUnassigned(mount, asMountError(error, 'server'), checked.logFd);
      return;
    }
    if (mount.isAbandoned) {
      this.refuseUnassigned(mount, ABANDONED, checked.logFd);
      this.threads.releaseUnused(thread);
      return;
    }
    mount.checked(checked, thread);
    thread.mounts++;
    this.make(mount, checked.config, thread, false);
  }

  private make({ id, order }: PooledMount, config: MountConfig, thread: PoolWorker, isLastTry: boolean): void {
    thread.making++;
    thread.give({ kind: 'mount', id, place: order.place, config, isLastTry });
  }

  /** The server of an earlier mount is still ending: the thread tries again after a while. */
  private postpone(mount: PooledMount, thread: PoolWorker, waitMs: number): void {
    thread.making--;
    const isLastTry = mount.waitedFor(waitMs);
    setTimeout(() => {
      const { config } = mount;
      // The thread has died.
      if (mount.state === 'ended' || config === undefined) return;
      if (!mount.isAbandoned) {
        this.make(mount, config, thread, isLastTry);
        return;
      }
      this.threads.release(thread);
      this.refuseUnassigned(mount, ABANDONED);
    }, RETRY_MS);
  }

  private receive(report: PoolReport, from: PoolWorker): void {
    if (!('id' in report)) return;
    const mount = this.mounts.get(report.id);
    if (mount === undefined) return;
    switch (report.kind) {
      case 'device':
        mount.mounted(report.fd, report.mount);
        break;
      case 'released':
        mount.deviceFd = -1;
        break;
      case 'ready':
        this.threads.made(from);
        mount.ready();
        if (mount.isAbandoned) void this.stop(mount);
        break;
      case 'log':
        mount.addLine(report.line);
        break;
      case 'later':
        this.postpone(mount, from, report.waitMs);
        break;
      case 'refused':
        from.making--;
        this.threads.release(from);
        this.refuse(mount, report);
        break;
      case 'ended':
        this.threads.release(from);
        void this.handleEnd(mount, report.error);
        break;
    }
  }

  private refuse(mount: PooledMount, refusal: Refusal): void {
    this.mounts.delete(mount.id);
    mount.refused(refusal);
  }

  /** After an error the mount can still exist, without a server. */
  private async handleEnd(mount: PooledMount, error: Refusal | undefined): Promise<void> {
    if (error !== undefined) await this.detach(mount, true).catch((failure: Error) => mount.addLine(failure.message));
    this.mounts.delete(mount.id);
    mount.ended(error);
  }

  private handleThreadEnd(thread: PoolWorker, error: Error | undefined): void {
    const refusal = error === undefined ? ENDED : { ...ENDED, message: `${ENDED.message}: ${error.message}` };
    for (const mount of [...this.mounts.values()].filter((each) => each.thread === thread)) {
      if (error?.stack !== undefined) mount.addLine(error.stack);
      // Otherwise all users of the mount would wait forever.
      if (mount.deviceFd >= 0) close(mount.deviceFd, () => {});
      if (mount.state === 'ready') void this.handleEnd(mount, refusal);
      else void this.undo(mount, refusal);
    }
  }

  /** Refuses a mount that its thread can have made before it died. */
  private async undo(mount: PooledMount, refusal: Refusal): Promise<void> {
    await this.detach(mount, true).catch((failure: Error) => mount.addLine(failure.message));
    this.refuse(mount, refusal);
  }

  /** Unmounts, on a checking thread. */
  private async detach(mount: PooledMount, lazy: boolean): Promise<UnmountOutcome> {
    const { location, id } = mount;
    if (location === undefined) return 'absent';
    return await new Promise((resolve, reject) => {
      this.checks.give(
        { kind: 'unmount', id, where: location, lazy },
        {
          line: (line) => mount.addLine(line),
          done: (answer) => {
            if (answer.kind === 'unmounted') resolve(answer.outcome);
            else if (answer.kind === 'refused') reject(new MountError(answer.message, answer.errno));
          },
        },
      );
    });
  }
}

function hiddenError(mount: PooledMount): MountError {
  return MountError.of({
    what: 'unmount',
    where: mount.location?.mountpoint ?? '',
    why: 'another mount hides it',
    errno: Errno.EBUSY,
    advice: 'unmount that one first, or unmount lazily',
  });
}
