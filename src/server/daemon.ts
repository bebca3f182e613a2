/**
 * The background process of one mount. It is started with a socket as fd 3 and nothing else of its parent's: the
 * parent sends a {@link DaemonStart} as JSON and closes its half; what comes back are {@link DaemonReport}s.
 */
import { closeSync, readFileSync, writeSync } from 'node:fs';
import type { DaemonReport, DaemonStart } from './daemon-report.js';
import { openLogSink } from './log-sink.js';
import { asMountError, printable } from './mount-error.js';
import { ServedMount, startServingThread } from './served-mount.js';
import { onStopSignals, stopForGood } from './stop-signals.js';

/** fd number of the socket to the parent. */
const PARENT = 3;

function report(message: DaemonReport): void {
  writeSync(PARENT, `${JSON.stringify(message)}\n`);
}

function tell(message: DaemonReport): void {
  try {
    report(message);
  } catch {
    // EPIPE or EBADF: the parent is gone or has had its answer.
  }
}

function warn(line: string): void {
  tell({ kind: 'warning', line });
}

async function main(): Promise<void> {
  // The parent starts us before it knows what is to be mounted; so do we with the thread.
  const thread = startServingThread();
  const start = readFileSync(PARENT, 'utf8');
  if (start === '') process.exit(0); // It has come to know that there is nothing to mount.
  const { config, logFile } = JSON.parse(start) as DaemonStart;
  process.title = `plyfs ${printable(config.mountpoint)}`;
  const sink = openLogSink(logFile);
  // Until the mount is ready, whoever started it reads what we have to say.
  let log = warn;
  const mount = await ServedMount.start(config, (line) => log(line), thread);
  log = sink;
  onStopSignals(() => stopForGood(mount));
  process.chdir('/');
  try {
    report({ kind: 'ready' });
  } catch {
    // EPIPE: whoever asked for the mount was killed while waiting, and does not want it any more.
    await stopForGood(mount);
  }
  closeSync(PARENT);
  await mount.closed;
}

try {
  await main();
  process.exit(0);
} catch (error) {
  tell({ kind: 'refused', message: asMountError(error, 'daemon').message });
  process.exit(1);
}
