/**
 * A helper thread that copies the data of large files, while the serving thread serves requests. It has
 * several tasks at a time and copies a piece of each in turn, so that a small file of one mount does not wait
 * for a large one of another. It owns the fds of its tasks, and wakes the serving thread by a timerfd.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Errno, FsError } from '../../core/errno.js';
import { startWriting, sync } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import { statFs } from '../../sys/files/stat.js';
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
  /** The data before this offset is on its way to the disk. */
  startedTo: number;
}

/** How many bytes are sent to the disk at a time. With less the disk has many small writes. */
const WRITE_BYTES = 8 << 20;

/**
 * Types of file systems that only wait for a disk (man statfs(2)): ext4, xfs, btrfs, tmpfs, erofs, squashfs.
 */
const NEVER_HANG = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xe0f5e1e2, 0x73717368]);

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
  return { task, copy: new DataCopy(task, mustLookBeforeWriting(task) ? () => isCancelled(task) : null), startedTo: 0 };
}

/**
 * Whether the next mount could change the file while the source still hangs. Otherwise copy_file_range(2) is
 * used, which is faster: the end of the mount waits for one call of it.
 */
function mustLookBeforeWriting({ isInPlace, from }: CopyTask): boolean {
  if (!isInPlace) return false;
  try {
    return !NEVER_HANG.has(statFs(from).type);
  } catch (error) {
    // The layer fails: reading it reports that.
    if (error instanceof FsError) return true;
    throw error;
  }
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
function copyPiece(running: Running): Outcome | undefined {
  const { task, copy } = running;
  if (isCancelled(task)) return { errno: Errno.EINTR };
  try {
    copy.copyPiece();
    if (task.sync) startWritingCopied(running);
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

/** Otherwise the sync at the end writes all of it at once, and no other task has its turn meanwhile. */
function startWritingCopied(running: Running): void {
  const { task, copy, startedTo } = running;
  if (copy.position - startedTo < WRITE_BYTES) return;
  startWriting(task.to, startedTo, copy.position - startedTo);
  running.startedTo = copy.position;
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
