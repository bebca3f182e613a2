/** Messages between the serving thread and a thread that copies. */
import type { MessagePort } from 'node:worker_threads';
import type { LoadedFlag } from '../../sys/process/loaded-flag.js';

/** A file whose data is to be copied. The fds stay those of the caller. */
export interface CopyOrder {
  /** Identifies the order among those of its mount. */
  readonly key: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly sparse: boolean;
  readonly sync: boolean;
  /** `to` exists after a cancellation too: nothing must be written into it then. */
  readonly isInPlace: boolean;
}

/**
 * An order that a thread has. All fds are duplicates, which the thread owns: so no number that it uses can
 * become that of another file, whatever the serving thread closes.
 */
export interface CopyTask extends Omit<CopyOrder, 'key'> {
  /** Identifies the task among those of all mounts. */
  readonly id: number;
  /** A timerfd, which the thread makes readable after its report. */
  readonly wake: number;
  /** One word, a {@link TaskState}. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

/** States of a {@link CopyTask}. */
export const TaskState = {
  /** The thread has not begun. */
  GIVEN: 0,
  RUNNING: 1,
  /** The serving thread does not want it any more. The thread ends it before its next piece. */
  CANCELLED: 2,
  /** The thread closes the fds: nobody else can, even if the thread dies. */
  CLOSING: 3,
  RELEASED: 4,
} as const;

/** An order to a thread. `end`: it ends when its tasks have ended. */
export type CopyThreadOrder = CopyTask | 'end';

export interface TaskReport {
  readonly id: number;
  /** 0 if the copy is complete, or the errno that stopped it. */
  readonly errno: number;
  /** The error, if it was not a system call that failed. */
  readonly why?: string;
}

/** Messages of a copying thread: its id first, then a report on each task. */
export type CopyThreadMessage = { readonly threadId: number } | TaskReport;

export interface CopyThreadData {
  readonly port: MessagePort;
  /** One word: how many tasks the thread has, or {@link THREAD_ENDED}. */
  readonly load: Int32Array<SharedArrayBuffer>;
  /** After so many milliseconds without a task the thread ends. */
  readonly idleMs: number;
  readonly loaded: LoadedFlag;
}

/** The load of a thread that has ended because it had no task for a while. */
export const THREAD_ENDED = -1;

/**
 * Interval in milliseconds of the checks for dead threads while tasks are running. A thread that has died
 * sends no message.
 */
export const CHECK_MS = 500;
