/** A directory for layers on a file system whose operations fail by a plan. */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { isMounted, waitFor } from './mounts.js';

/** The numbering of the plan's words, which fixtures/faulty/faults.mjs exports. */
interface PlanWords {
  readonly MODE: number;
  readonly PASS: number;
  readonly ERRNO: number;
  readonly KINDS: number;
  readonly HITS: number;
  readonly HIT_KIND: number;
  readonly SEEN: number;
  readonly TRACE: number;
  readonly TRACED: number;
  readonly KIND_NAMES: readonly string[];
}

const FIXTURES = new URL('../fixtures/faulty/', import.meta.url);
const WORDS = (await import(new URL('faults.mjs', FIXTURES).href)) as PlanWords;

/** The kinds of requests that can fail, by the kernel's names. */
export const KINDS = WORDS.KIND_NAMES;

export type FaultErrno = 'ENOSPC' | 'EIO' | 'EDQUOT' | 'EROFS' | 'EMFILE';

export interface Plan {
  /** The operation that fails, counted from 1 among those of the kinds. */
  readonly n: number;
  readonly errno: FaultErrno | 'hang';
  /** The kinds that count and fail. Default: all. */
  readonly kinds?: readonly string[];
  /** True: all later operations of these kinds fail too. */
  readonly lasting?: boolean;
}

/**
 * The plan of what fails and when, shared by all faulty layers that are mounted with it. A test can change
 * the plan while they are mounted.
 */
export class Faults {
  readonly memory = new SharedArrayBuffer(4 * (WORDS.TRACE + WORDS.TRACED));
  private readonly plan = new Int32Array(this.memory);
  private readonly completionFds: number[] = [];

  arm({ n, errno, kinds = KINDS, lasting = false }: Plan): void {
    this.disarm();
    const bits = kinds.reduce((all, kind) => all | (1 << KINDS.indexOf(kind)), 0);
    const number = errno === 'hang' ? 0 : (constants.errno[errno] ?? 0);
    for (const [word, value] of [
      [WORDS.HITS, 0],
      [WORDS.SEEN, 0],
      [WORDS.PASS, n - 1],
      [WORDS.ERRNO, number],
      [WORDS.KINDS, bits],
      [WORDS.MODE, lasting ? 2 : 1],
    ] as const) {
      Atomics.store(this.plan, word, value);
    }
  }

  /** Ends the plan: nothing fails any more, and hanging operations continue. */
  disarm(): void {
    Atomics.store(this.plan, WORDS.MODE, 0);
    const one = new BigUint64Array([1n]);
    for (const fd of this.completionFds) writeSync(fd, new Uint8Array(one.buffer));
  }

  /** The number of operations that have failed since the plan was made. */
  get hits(): number {
    return Atomics.load(this.plan, WORDS.HITS);
  }

  /** The kind of the first operation that failed. */
  get hitKind(): string {
    return KINDS[Atomics.load(this.plan, WORDS.HIT_KIND)] ?? '?';
  }

  /** The kinds of all operations since the plan was made, in order. */
  trace(): string[] {
    const seen = Math.min(Atomics.load(this.plan, WORDS.SEEN), WORDS.TRACED);
    return Array.from(this.plan.subarray(WORDS.TRACE, WORDS.TRACE + seen), (kind) => KINDS[kind] ?? '?');
  }

  /** Registers an fd that wakes a mount with hanging requests. */
  addCompletionFd(completionFd: number): void {
    this.completionFds.push(completionFd);
  }
}

/**
 * One directory, mounted at another place through the faulty file system. A thread of this process serves it.
 */
export class FaultyLayer {
  private constructor(
    readonly mountpoint: string,
    private readonly thread: Worker,
    /** Messages of the transport; none when nothing is wrong. */
    readonly log: readonly string[],
    private readonly ended: Promise<void>,
  ) {}

  /**
   * @param timeout seconds for which the kernel can cache names and attributes; with 0, each use is an
   * operation
   */
  static async mount(source: string, mountpoint: string, faults: Faults, timeout: number): Promise<FaultyLayer> {
    const thread = new Worker(new URL('serve-thread.mjs', FIXTURES), {
      workerData: { source, target: mountpoint, timeout, memory: faults.memory },
    });
    const log: string[] = [];
    let failure: Error | undefined;
    let ready = false;
    thread.on('message', (message: { log?: string; ready?: { completionFd: number } }) => {
      if (message.log !== undefined) log.push(message.log);
      if (message.ready === undefined) return;
      faults.addCompletionFd(message.ready.completionFd);
      ready = true;
    });
    const ended = new Promise<void>((resolve) => {
      thread.on('error', (error: Error) => {
        failure = error;
        log.push(String(error));
      });
      thread.on('exit', () => resolve());
    });
    await waitFor(() => {
      if (failure !== undefined) throw failure;
      return ready;
    }, 'the faulty layer to be mounted');
    return new FaultyLayer(mountpoint, thread, log, ended);
  }

  /** Unmounts and waits for the thread. A mount that is in use is detached, and this throws. */
  async unmount(): Promise<void> {
    if (!isMounted(this.mountpoint)) return;
    const done = spawnSync('umount', [this.mountpoint], { encoding: 'utf8' });
    if (done.status !== 0) spawnSync('umount', ['-l', this.mountpoint]);
    if (done.status === 0) await this.ended;
    else {
      await this.thread.terminate();
      throw new Error(`umount ${this.mountpoint}: ${done.stderr.trim()}`);
    }
  }
}
