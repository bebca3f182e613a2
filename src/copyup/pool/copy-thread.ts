/**
 * A helper thread that copies the data of large files, while the serving thread serves requests. It has
 * several tasks at a time and copies a piece of each in turn, so that a small file of one mount does not wait
 * for a large one of another. It owns the fds of its tasks, and wakes the serving thread by a timerfd.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Errno, FsError } from '../../core/errno.js';
import { startWriting, sync } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import { setLoaded } from '../../sys/process/loaded-flag.js';
import { ownThreadId } from '../../sys/process/thread.js';
import { ringTimer } from '../../sys/waiting/timerfd.js';
import { DataCopy } from '../fill-data.js';
import {
  CHECK_MS,
  type CopyTask,
  type CopyThreadData,
  type CopyThreadMessage,
  type CopyThreadOrder,
  type TaskReport,
  TaskState,
  THREAD_ENDED,
} from './copy-message.js';

interface Running {
  readonly task: CopyTask;
  readonly copy: DataCopy;
}

type Outcome = Omit<TaskReport, 'id'>;

const { port, load, idleMs, loaded } = workerData as CopyThreadData;
setLoaded(loaded);
// `port` keeps the thread alive. The parent port is not used, because the parent's event loop never runs.
parentPort?.unref();

/** The next one first. */
const tasks: Running[] = [];
let isEnding = false;
let idle: NodeJS.Timeout | undefined;

function send(message: CopyThreadMessage): void {
  port.postMessage(message);
}

function receive(order: CopyThreadOrder): void {
  if (order === 'end') isEnding = true;
  else tasks.push(begin(order));
}

function begin(task: CopyTask): Running {
  const { state } = task;
  Atomics.compareExchange(state, 0, TaskState.GIVEN, TaskState.RUNNING);
  return { task, copy: new DataCopy(task, task.isInPlace ? () => isCancelled(task) : null) };
}

function isCancelled({ state }: CopyTask): boolean {
  return Atomics.load(state, 0) === TaskState.CANCELLED;
}

/** Does all tasks, and those that arrive meanwhile. */
function work(): void {
  for (let next = tasks.shift(); next !== undefined; next = tasks.shift()) {
    const outcome = copyPiece(next);
    if (outcome === undefined) tasks.push(next);
    else end(next.task, outcome);
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
      receive(more.message as CopyThreadOrder);
    }
  }
}

/** Returns undefined if the copy is not complete. */
function copyPiece({ task, copy }: Running): Outcome | undefined {
  if (isCancelled(task)) return { errno: Errno.EINTR };
  try {
    const before = copy.position;
    copy.copyPiece();
    // Otherwise the sync at the end writes all of it at once, and no other task has its turn meanwhile.
    if (task.sync) startWriting(task.to, before, copy.position - before);
    if (!copy.isComplete) return undefined;
    if (task.sync && !isCancelled(task)) sync(task.to);
    return { errno: 0 };
  } catch (error) {
    return error instanceof FsError ? { errno: error.errno } : { errno: Errno.EIO, why: String(error) };
  }
}

/** Closes the files before anybody can learn that the task has ended. */
function end({ id, from, to, wake, state }: CopyTask, outcome: Outcome): void {
  Atomics.store(state, 0, TaskState.CLOSING);
  close(from);
  close(to);
  send({ id, ...outcome });
  ringTimer(wake, CHECK_MS);
  close(wake);
  Atomics.store(state, 0, TaskState.RELEASED);
  Atomics.notify(state, 0);
  Atomics.sub(load, 0, 1);
}

function endIfIdle(): void {
  if (Atomics.compareExchange(load, 0, 0, THREAD_ENDED) === 0) port.close();
  else endWhenIdle();
}

function endWhenIdle(): void {
  clearTimeout(idle);
  idle = setTimeout(endIfIdle, idleMs);
}

endWhenIdle();
send({ threadId: ownThreadId() });
port.on('message', (order: CopyThreadOrder) => {
  receive(order);
  work();
  if (isEnding) {
    clearTimeout(idle);
    port.close();
  } else endWhenIdle();
});
