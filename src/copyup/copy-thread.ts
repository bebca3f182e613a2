/**
 * A helper thread that copies the data of large files, one after the other, while the serving thread goes on.
 * It is given open fds (fds belong to the process), does system calls, and wakes the serving thread by a
 * timerfd.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Errno, FsError } from '../core/errno.js';
import { sync } from '../sys/files/file-io.js';
import { setLoaded } from '../sys/process/loaded-flag.js';
import { ownThreadId } from '../sys/process/thread.js';
import { ringTimer } from '../sys/waiting/timerfd.js';
import { type CopyOrder, type CopyReport, type CopyThreadData, type CopyThreadMessage, LOOK_MS } from './copy-pool.js';
import { copyData } from './fill-data.js';

const { port, doneFd, loaded } = workerData as CopyThreadData;
setLoaded(loaded);
// The port keeps the thread alive; its parent's loop never runs, so nothing goes over the parent port.
parentPort?.unref();

function say(message: CopyThreadMessage): void {
  port.postMessage(message);
}

say({ threadId: ownThreadId() });
port.on('message', (order: CopyOrder) => {
  say(perform(order));
  ringTimer(doneFd, LOOK_MS);
});

function perform(order: CopyOrder): CopyReport {
  const { key } = order;
  try {
    copyData(order.from, order.to, order.length, order.sparse);
    if (order.sync) sync(order.to);
    return { key, errno: 0 };
  } catch (error) {
    return error instanceof FsError ? { key, errno: error.errno } : { key, errno: Errno.EIO, why: String(error) };
  }
}
