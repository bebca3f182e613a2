/**
 * A helper thread that copies the data of large files, one after the other, while the serving thread goes on. It is
 * given open fds (fds belong to the process), does system calls, and wakes the serving thread by an eventfd.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Errno, FsError } from '../core/errno.js';
import { signalEventfd } from '../sys/eventfd.js';
import { sync } from '../sys/file-io.js';
import type { CopyOrder, CopyReport, CopyThreadData } from './copy-pool.js';
import { copyData } from './fill-data.js';

const { port, doneFd } = workerData as CopyThreadData;
// The port keeps the thread alive; its parent's loop never runs, so nothing goes over the parent port.
parentPort?.unref();

port.on('message', (order: CopyOrder) => {
  port.postMessage({ key: order.key, errno: perform(order) } satisfies CopyReport);
  signalEventfd(doneFd);
});

function perform(order: CopyOrder): number {
  try {
    copyData(order.from, order.to, order.length, order.sparse);
    if (order.sync) sync(order.to);
    return 0;
  } catch (error) {
    return error instanceof FsError ? error.errno : Errno.EIO;
  }
}
