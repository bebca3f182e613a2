/** The thread of {@link Watchdog}. */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { pollHangup } from '../../sys/waiting/poll.js';
import { clock, type WatchdogData } from './watchdog.js';

const { deviceFd, stopFd, began, limit } = workerData as WatchdogData;

/** How often the thread checks: soon enough after the limit, and so seldom that it costs nothing. */
const interval = Math.max(10, Math.floor(limit / 4));

function isHanging(): boolean {
  const since = Atomics.load(began, 0);
  return since !== 0 && ((clock() - since) | 0) > limit;
}

for (;;) {
  const end = pollHangup(deviceFd, stopFd, interval);
  if (end === 'stopped') break;
  if (end === 'gone') {
    parentPort?.postMessage('gone');
    break;
  }
  if (isHanging()) {
    writeSync(2, `a request has not returned for ${limit / 1000} s: the mount ends\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}
