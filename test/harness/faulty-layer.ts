/** A place for layers whose file system fails when it is told to. */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { isMounted, waitFor } from './mounts.js';

interface Words {
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
const words = (await import(new URL('faults.mjs', FIXTURES).href)) as Words;

/** Requests that can fail, by the kernel's names. */
export const KINDS = words.KIND_NAMES;

export type FaultErrno = 'ENOSPC' | 'EIO' | 'EDQUOT' | 'EROFS' | 'EMFILE';

export interface Plan {
  /** The operation that fails, counted from 1 among those of the kinds. */
  readonly n: number;
  readonly errno: FaultErrno | 'hang';
  /** Default: every kind. */
  readonly kinds?: readonly string[];
  /** All operations of the kinds after it fail too. */
  readonly lasting?: boolean;
}

/**
 * What may fail, and when: one plan for all faulty layers that share it. Can be changed while they are
 * mounted.
 */
export class Faults {
  readonly memory = new SharedArrayBuffer(4 * (words.TRACE + words.TRACED));
  private readonly plan = new Int32Array(this.memory);
  private readonly completionFds: number[] = [];

  arm({ n, errno, kinds = KINDS, lasting = false }: Plan): void {
    this.disarm();
    const bits = kinds.reduce((all, kind) => all | (1 << KINDS.indexOf(kind)), 0);
    const number = errno === 'hang' ? 0 : (constants.errno[errno] ?? 0);
    for (const [word, value] of [
      [words.HITS, 0],
      [words.SEEN, 0],
      [words.PASS, n - 1],
      [words.ERRNO, number],
      [words.KINDS, bits],
      [words.MODE, lasting ? 2 : 1],
    ] as const) {
      Atomics.store(this.plan, word, value);
    }
  }

  /** Nothing fails any more, and what hangs goes on. */
  disarm(): void {
    Atomics.store(this.plan, words.MODE, 0);
    const one = new BigUint64Array([1n]);
    for (const fd of this.completionFds) writeSync(fd, new Uint8Array(one.buffer));
  }

  /** Operations that have failed since the plan was made. */
  get hits(): number {
    return Atomics.load(this.plan, words.HITS);
  }

  /** What the first of them was. */
  get hitKind(): string {
    return KINDS[Atomics.load(this.plan, words.HIT_KIND)] ?? '?';
  }

  /** The operations since the plan was made. */
  trace(): string[] {
    const seen = Math.min(Atomics.load(this.plan, words.SEEN), words.TRACED);
    return Array.from(this.plan.subarray(words.TRACE, words.TRACE + seen), (kind) => KINDS[kind] ?? '?');
  }

  /** An fd that wakes a mount with hanging requests. */
  wakeBy(completionFd: number): void {
    this.completionFds.push(completionFd);
  }
}

/** One directory, mounted elsewhere through the faulty file system; served by a thread of this process. */
export class FaultyLayer {
  private constructor(
    readonly mountpoint: string,
    private readonly thread: Worker,
    /** What the transport had to say: nothing, when all is well. */
    readonly log: readonly string[],
    private readonly ended: Promise<void>,
  ) {}

  /**
   * @param timeout seconds for which the kernel may keep names and attributes: 0 makes each use an operation
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
      faults.wakeBy(message.ready.completionFd);
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

  /** Unmounts, also what is in use, and waits for the thread. Throws if it was in use. */
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
