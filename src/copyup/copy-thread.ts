/**
 * A helper thread that copies the data of large files, one after the other, while the serving thread serves
 * requests. It gets open fds, which all threads of a process share, and wakes the serving thread by a
 * timerfd.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Errno, FsError } from '../core/errno.js';
import { sync } from '../sys/files/file-io.js';
import { setLoaded } from '../sys/process/loaded-flag.js';
import { ownThreadId } from '../sys/process/thread.js';
import { ringTimer } from '../sys/waiting/timerfd.js';
import { CHECK_MS, type CopyReport, type CopyTask, type CopyThreadData, type CopyThreadMessage } from './copy-pool.js';
import { copyData } from './fill-data.js';

const { port, doneFd, loaded } = workerData as CopyThreadData;
setLoaded(loaded);
// `port` keeps the thread alive. The parent port is not used, because the parent's event loop never runs.
parentPort?.unref();

function send(message: CopyThreadMessage): void {
  port.postMessage(message);
}

send({ threadId: ownThreadId() });
port.on('message', (task: CopyTask) => {
  send(perform(task));
  ringTimer(doneFd, CHECK_MS);
});

function perform(task: CopyTask): CopyReport {
  const { key } = task;
  try {
    copyData(task.from, task.to, task.length, task.sparse);
    if (task.sync) sync(task.to);
    return { key, errno: 0 };
  } catch (error) {
    return error instanceof FsError ? { key, errno: error.errno } : { key, errno: Errno.EIO, why: String(error) };
  }
}
