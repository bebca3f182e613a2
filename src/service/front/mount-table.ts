/** The mounts of the server process: those that are being made, and those that exist. */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { mountedOn, parseMountinfo } from '../../sys/mountinfo.js';
import { readProc } from '../../sys/proc.js';
import { readLink } from '../../sys/process/process-facts.js';
import type { MountArguments } from '../order/mount-arguments.js';
import type { MountEvents, MountOrder, Mounts, PoolStatus } from '../order/mount-order.js';
import type { MountSettings } from '../order/mount-settings.js';
import type { MountReport } from '../order/supervisor-message.js';
import { closePlace } from './caller.js';

/** A mount, and the caller that asks for it. */
export interface TableOrder extends Omit<MountOrder, 'id'> {
  readonly caller: { readonly pid: number; readonly mountNamespace: string };
}

const ENDS = 'the service ends';

/**
 * Knows each mount from the order until its end. It reports them to the supervisor, which cleans up if this
 * process dies while a mount is being made.
 */
export class MountTable {
  private lastId = 0;
  /** How many mounts have become ready, those included that have ended. */
  served = 0;
  /** The mountpoints by the ids of the mounts, as they were asked for. */
  private readonly mounts = new Map<number, string>();
  private readonly watchers = new Set<() => void>();
  private isClosed = false;

  constructor(
    private readonly pool: Mounts,
    private readonly report: (report: MountReport) => void,
  ) {}

  /** The mounts that exist or are being made. */
  get size(): number {
    return this.mounts.size;
  }

  get mountpoints(): string[] {
    return [...this.mounts.values()];
  }

  /** Calls `watcher` after each change of {@link size}. Returns a function that ends this. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Mounts. Returns the id of the mount. */
  mount({ caller, ...order }: TableOrder, events: MountEvents): number {
    const id = ++this.lastId;
    if (this.isClosed) {
      closePlace(order.place);
      if (order.deviceFd !== undefined) closeSync(order.deviceFd);
      events.declined(ENDS);
      return id;
    }
    let isReady = false;
    const mountpoint = absolute(mountpointOf(order.what), caller.pid);
    this.mounts.set(id, mountpoint);
    this.changed();
    // Before mount(2), so that the supervisor has it even if this process is killed right after that.
    this.report({ kind: 'mounting', id, mountpoint, ...caller, covered: coveredBy(mountpoint, caller.pid) });
    this.pool.mount(
      { ...order, id },
      {
        line: (text) => events.line(text),
        mounted: (mountId) => {
          this.report({ kind: 'mounted', id, mountId });
          events.mounted(mountId);
        },
        ready: () => {
          this.served++;
          isReady = true;
          events.ready();
        },
        refused: (refusal) => {
          this.forget(id);
          // Perhaps it was refused because the service ends.
          if (this.isClosed) events.declined(ENDS);
          else events.refused(refusal);
        },
        declined: (why) => {
          this.forget(id);
          events.declined(why);
        },
        ended: (error) => {
          this.forget(id);
          if (isReady) events.ended(error);
          else events.declined(ENDS);
        },
      },
    );
    return id;
  }

  /**
   * Call it before the caller gets the answer that the mount exists. If this process dies after that, the
   * mount stays, although it is dead: the caller must not find an empty directory in its place.
   */
  answered(id: number): void {
    if (this.mounts.has(id)) this.report({ kind: 'answered', id });
  }

  async unmount(id: number, options: { readonly lazy: boolean }): Promise<void> {
    if (this.mounts.has(id)) await this.pool.unmount(id, options);
  }

  async status(): Promise<PoolStatus> {
    return await this.pool.status();
  }

  /** No mount is made from now on. */
  close(): void {
    this.isClosed = true;
  }

  /** Ends all mounts. No mount is made from now on. */
  async stopAll(): Promise<void> {
    this.close();
    await this.pool.stopAll();
  }

  private forget(id: number): void {
    this.mounts.delete(id);
    this.report({ kind: 'gone', id });
    this.changed();
  }

  private changed(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}

function mountpointOf(what: MountArguments | MountSettings): string {
  return 'config' in what ? what.config.mountpoint : what.mountpoint;
}

/**
 * The id of the mount that is on the mountpoint, as the process sees it: it can have another root, or another
 * mount namespace. Undefined: there is none, or the process has ended.
 */
function coveredBy(mountpoint: string, pid: number): number | undefined {
  return mountedOn(mountpoint, parseMountinfo(readProc(pid, 'mountinfo') ?? ''))?.id;
}

/** The path below the caller's working directory. No file on the way is touched: its file system can hang. */
function absolute(path: string, pid: number): string {
  return path.startsWith('/') ? join(path) : join(readLink(`/proc/${pid}/cwd`) ?? '/', path);
}
