/** The pool threads: starts them, and decides which one serves a new mount. */
import { availableParallelism } from 'node:os';
import type { MountConfig } from '../../server/config/mount-config.js';
import { resolveMount } from '../../server/options/resolve-mount.js';
import { makeFdPool } from '../../server/serving/process-fds.js';
import type { ThreadStatus } from '../order/mount-order.js';
import type { MountStatistics, PoolReport } from './pool-message.js';
import { type Look, PoolWorker, type PoolWorkerEvents } from './pool-worker.js';

/** How long {@link PoolThreads.ask} waits for a thread, in milliseconds. */
const ANSWER_MS = 500;

/** A thread that runs for this part of the time, or is at one piece of work, gets a new mount last. */
const BUSY_LOAD = 0.5;

/**
 * If all shared threads are at one piece of work for this many milliseconds, they hang, and a new mount gets
 * a new thread. Until then it waits: a thread that serves a long fsync is free soon.
 */
const SILENT_MS = 300;
/** The pause between two looks at threads that are all at work. */
const LOOK_MS = 3;

/** A further thread is started so many milliseconds after the last mount. */
const QUIET_MS = 3000;

/** As many shared threads as processors, and at least two: one can be at a long piece of work. */
const MAX_SHARED = Math.max(2, availableParallelism());

export interface PoolThreadsEvents {
  report(report: PoolReport, from: PoolWorker): void;
  ended(thread: PoolWorker, error: Error | undefined): void;
}

interface Statistics {
  readonly threads: readonly ThreadStatus[];
  /** By the id of the mount. A mount of a thread that does not answer has none. */
  readonly statistics: ReadonlyMap<number, MountStatistics>;
}

type Answer = (statistics: readonly MountStatistics[]) => void;

export class PoolThreads {
  private threads: PoolWorker[] = [];
  private readonly fds = makeFdPool();
  /** The threads that have been asked for their statistics. */
  private readonly asked = new Map<PoolWorker, Answer>();
  /** The statistics that the threads are asked for now. */
  private asking: Promise<Statistics> | undefined;
  /** Called when the last thread has ended. */
  private readonly ends = new Set<() => void>();
  private nextNumber = 1;
  private isClosing = false;
  /** Starts a further thread. */
  private further: NodeJS.Timeout | undefined;

  /** @param makeWorker starts a thread, see `PoolWorker` */
  constructor(
    private readonly events: PoolThreadsEvents,
    private readonly makeWorker = (number: number, isShared: boolean, ofWorker: PoolWorkerEvents): PoolWorker => {
      const warmUp = isShared ? warmConfig() : undefined;
      return new PoolWorker(number, isShared, { fds: this.fds.memory, warmUp }, ofWorker);
    },
  ) {
    this.start(true);
  }

  /** Looks at all threads, so that {@link choose}, some milliseconds later, knows what they did meanwhile. */
  look(): void {
    for (const thread of this.threads) thread.look();
  }

  /**
   * The thread for a new mount.
   * @param isLocal false: the layers can hang, so the mount gets a thread of its own
   */
  async choose(isLocal: boolean): Promise<PoolWorker> {
    if (!isLocal) return this.start(false);
    for (let waited = 0; waited < SILENT_MS; waited += LOOK_MS) {
      const chosen = this.best();
      if (chosen !== undefined) {
        this.planFurther();
        return chosen;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return this.start(true);
  }

  /**
   * The shared thread with the least work. Undefined: each has been at one piece of work since the last look.
   */
  private best(): PoolWorker | undefined {
    const candidates = this.shared()
      .map((thread) => ({ thread, look: thread.look() }))
      .filter(({ look }) => look.state !== 'silent')
      .sort((one, other) => rank(one.thread, one.look) - rank(other.thread, other.look));
    return candidates[0]?.thread;
  }

  /**
   * If all shared threads have mounts, a further one is started for later mounts. Its warm-up takes processor
   * time, so it waits until no mount has come for a while.
   */
  private planFurther(): void {
    if (this.shared().length >= MAX_SHARED) return;
    clearTimeout(this.further);
    this.further = setTimeout(() => {
      const areAllUsed = this.shared().every(({ mounts }) => mounts > 0);
      if (areAllUsed && this.shared().length < MAX_SHARED && !this.isClosing) this.tryStart();
    }, QUIET_MS);
    this.further.unref();
  }

  /** A mount of the thread has been made. The others have fewer fds now. */
  made(thread: PoolWorker): void {
    thread.making--;
    this.adjustFds();
  }

  /** No mount was given to the thread that {@link choose} has returned. */
  releaseUnused(thread: PoolWorker): void {
    if (thread.mounts === 0 && !thread.isShared) this.end(thread);
  }

  /** A mount of the thread has ended. */
  release(thread: PoolWorker): void {
    thread.mounts--;
    this.adjustFds();
    this.releaseUnused(thread);
  }

  /**
   * Asks the threads for the statistics of their mounts. A thread that does not answer soon is `silent`.
   * Calls at the same time get the same answers.
   */
  async ask(): Promise<Statistics> {
    this.asking ??= this.askAll().finally(() => {
      this.asking = undefined;
    });
    return await this.asking;
  }

  private async askAll(): Promise<Statistics> {
    this.look();
    const all = await Promise.all(this.threads.map((thread) => this.askOne(thread)));
    return {
      threads: all.map(({ status }) => status),
      statistics: new Map(all.flatMap(({ mounts }) => mounts.map((mount) => [mount.id, mount] as const))),
    };
  }

  /** Ends all threads. Those that hang end with the process. */
  async close(): Promise<void> {
    this.isClosing = true;
    for (const thread of [...this.threads]) this.end(thread);
    if (this.threads.length === 0) return;
    await new Promise<void>((resolve) => this.ends.add(resolve));
  }

  private adjustFds(): void {
    for (const thread of this.threads) if (thread.mounts > 0) thread.give({ kind: 'adjust-fds' });
  }

  private shared(): PoolWorker[] {
    return this.threads.filter(({ isShared }) => isShared);
  }

  /** Starts a thread for later mounts. */
  private tryStart(): void {
    try {
      this.start(true);
    } catch {
      // There are too few fds, threads or memory. The next mount that needs a thread reports it.
    }
  }

  /** Throws Node's error, or FsError, if there are too few fds, threads or memory. */
  private start(isShared: boolean): PoolWorker {
    const thread = this.makeWorker(this.nextNumber++, isShared, {
      report: (report) => {
        if (report.kind === 'statistics') this.asked.get(thread)?.(report.mounts);
        else this.events.report(report, thread);
      },
      ended: (error) => this.handleEnd(thread, error),
    });
    this.threads.push(thread);
    return thread;
  }

  private end(thread: PoolWorker): void {
    thread.give({ kind: 'end' });
  }

  private handleEnd(thread: PoolWorker, error: Error | undefined): void {
    this.threads.splice(this.threads.indexOf(thread), 1);
    this.asked.get(thread)?.([]);
    this.events.ended(thread, error);
    if (this.isClosing && this.threads.length === 0) for (const resolve of this.ends) resolve();
    // A thread that cannot even load its modules is tried again only for the next mount.
    if (!this.isClosing && this.shared().length === 0 && thread.hasStarted) this.tryStart();
  }

  private async askOne(thread: PoolWorker): Promise<{ status: ThreadStatus; mounts: readonly MountStatistics[] }> {
    const { number, mounts: count } = thread;
    const answer = await new Promise<readonly MountStatistics[] | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
      this.asked.set(thread, (statistics) => {
        clearTimeout(timer);
        resolve(statistics);
      });
      thread.give({ kind: 'statistics' });
    });
    this.asked.delete(thread);
    const state = answer === undefined ? 'silent' : thread.look().load > BUSY_LOAD ? 'busy' : 'idle';
    return { status: { thread: number, state, mounts: count }, mounts: answer ?? [] };
  }
}

/** Smaller is better: idle threads, then those with few mounts. */
function rank(thread: PoolWorker, { state, load }: Look): number {
  const isBusy = load > BUSY_LOAD || state === 'busy';
  return (isBusy ? 1e6 : 0) + thread.mounts;
}

/** The config of a mount with the defaults of this user, for a warm-up. */
function warmConfig(): MountConfig {
  return resolveMount({ mountpoint: '/', layers: { layers: [], dataLayers: 0 } });
}
