/** One mount of the service, as the main thread sees it. */
import { close } from 'node:fs';
import { displayName } from '../../core/entry-name.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { type Deferred, deferred } from '../../server/deferred.js';
import type { MountEvents, MountOrder, MountStatus } from '../order/mount-order.js';
import { BackgroundLog } from './background-log.js';
import type { CheckedMount, MountedReport, Refusal } from './pool-message.js';
import type { PoolWorker } from './pool-worker.js';

type State = 'checking' | 'mounting' | 'ready' | 'ended';

export class PooledMount {
  state: State = 'checking';
  /** Nobody waits for it any more: it is undone as soon as it is ready. */
  isAbandoned = false;
  /** The thread that serves it. */
  thread: PoolWorker | undefined;
  /** The location of the mount. Undefined: it does not exist yet, or no known mount namespace shows it. */
  location: MountedReport | undefined;
  /** Undefined: it has not been checked yet. */
  config: MountConfig | undefined;
  /** /dev/fuse, opened by the thread or the caller; -1: it is not open, or the thread closes it itself. */
  deviceFd = -1;
  private log: BackgroundLog | undefined;
  private readonly end: Deferred = deferred();
  private arePlaceFdsOpen = true;
  /** When its thread first could not make it because an earlier server was ending. */
  private postponedAt: number | undefined;

  constructor(
    readonly order: MountOrder,
    private readonly events: MountEvents,
  ) {}

  get id(): number {
    return this.order.id;
  }

  /** Resolves when the mount has ended, or has been refused. */
  get closed(): Promise<void> {
    return this.end.promise;
  }

  /** The path of the mountpoint for people. */
  get shownMountpoint(): string {
    const { what } = this.order;
    return displayName(this.config?.mountpoint ?? ('config' in what ? what.config.mountpoint : what.mountpoint));
  }

  /** The checks have succeeded, and `thread` makes the mount. */
  checked({ config, logFd }: CheckedMount, thread: PoolWorker): void {
    this.state = 'mounting';
    this.config = config;
    this.thread = thread;
    this.deviceFd = config.deviceFd ?? -1;
    if (this.order.logs === 'sink') this.log = new BackgroundLog(logFd);
  }

  /** Whether it has waited for `waitMs` milliseconds since its thread first could not make it. */
  waitedFor(waitMs: number): boolean {
    const now = performance.now();
    this.postponedAt ??= now;
    return now - this.postponedAt >= waitMs;
  }

  /** Before the mount is ready, lines are for the caller. */
  addLine(line: string): void {
    if (this.state === 'ready' && this.log !== undefined) this.log.add(line);
    else this.events.line(line);
  }

  /** The mount exists, and its thread has the device open. */
  mounted(deviceFd: number, location: MountedReport | undefined): void {
    this.deviceFd = deviceFd;
    this.location = location;
  }

  ready(): void {
    const { location } = this;
    this.closePlace();
    if (location !== undefined) this.events.mounted(location.mountId);
    this.state = 'ready';
    if (!this.isAbandoned) this.events.ready();
  }

  refused({ message, errno }: Refusal): void {
    if (this.state === 'ended') return;
    this.finish();
    this.events.refused({ message: this.asGiven(message), errno });
  }

  declined(why: string): void {
    if (this.state === 'ended') return;
    this.finish();
    this.events.declined(why);
  }

  ended(error: Refusal | undefined): void {
    if (this.state === 'ended') return;
    if (error !== undefined) this.addLine(error.message);
    this.finish();
    this.events.ended(error?.message);
  }

  /** The status, without the part that only the thread knows. */
  describe(): Omit<MountStatus, 'requests' | 'nodes' | 'memory'> {
    return {
      id: this.id,
      mountpoint: this.shownMountpoint,
      options: describeOptions(this.config),
      thread: this.thread?.number ?? -1,
    };
  }

  /**
   * The message with the number of /dev/fuse that the caller has given: in this process it has another one.
   */
  private asGiven(message: string): string {
    const { what, deviceFd } = this.order;
    if (deviceFd === undefined) return message;
    return message.replaceAll(`/dev/fd/${deviceFd}`, 'config' in what ? what.config.mountpoint : what.mountpoint);
  }

  private finish(): void {
    this.state = 'ended';
    this.deviceFd = -1;
    void this.log?.close();
    this.closePlace();
    this.end.resolve();
  }

  /** Closes the fds of the caller's place, on a thread of libuv: it can be the last use of a file system. */
  private closePlace(): void {
    if (!this.arePlaceFdsOpen) return;
    this.arePlaceFdsOpen = false;
    const { cwd, root, mountNamespace } = this.order.place;
    for (const fd of [cwd, root, mountNamespace]) if (fd !== undefined) close(fd, () => {});
  }
}

/** The layers, as on a command line. */
function describeOptions(config: MountConfig | undefined): string {
  if (config === undefined) return '';
  const { lowers, upper, work } = config;
  const parts = [`lowerdir=${lowers.join(':')}`];
  if (upper !== undefined) parts.push(`upperdir=${upper}`);
  if (work !== undefined) parts.push(`workdir=${work}`);
  return displayName(parts.join(','));
}
