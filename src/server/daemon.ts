/**
 * The background process of one mount. It is started with a socket as fd 3 and nothing else of its parent's: the
 * parent sends a {@link DaemonStart} as JSON and closes its half; what comes back are {@link DaemonReport}s.
 */
import { closeSync, readFileSync, writeSync } from 'node:fs';
import { chooseServer } from './choose-server.js';
import type { DaemonReport, DaemonStart } from './daemon-report.js';
import { openLogSink } from './log-sink.js';
import type { MountConfig } from './mount-config.js';
import { asMountError, printable } from './mount-error.js';
import { ServedMount } from './served-mount.js';
import type { Server } from './server.js';
import { onStopSignals, stopForGood } from './stop-signals.js';
import { ThreadServer } from './thread-server.js';

/** fd number of the socket to the parent; ours until the last report. */
const PARENT = 3;

function report(message: DaemonReport): void {
  writeSync(PARENT, `${JSON.stringify(message)}\n`);
}

function tell(message: DaemonReport): void {
  try {
    report(message);
  } catch {
    // EPIPE: the parent was killed while it waited. `ready` finds that out too, and acts on it.
  }
}

/** What to mount; undefined: the parent, which starts us before it knows, has found that there is nothing to do. */
function readStart(): DaemonStart | undefined {
  const text = readFileSync(PARENT, 'utf8');
  return text === '' ? undefined : (JSON.parse(text) as DaemonStart);
}

interface Serving {
  readonly mount: ServedMount;
  readonly log: (line: string) => void;
}

/** Mounts and tells the parent so. Whatever the mount has to say until then, the parent hears. */
async function start({ config, logFile }: DaemonStart, server: Server): Promise<Serving> {
  process.title = `plyfs ${printable(config.mountpoint)}`;
  const sink = openLogSink(logFile);
  let log = (line: string): void => tell({ kind: 'warning', line });
  let stopped = false;
  let mount: ServedMount | undefined;
  onStopSignals(() => {
    stopped = true;
    if (mount !== undefined) stopForGood(mount);
  });
  mount = await ServedMount.start(config, (line) => log(line), server);
  log = sink;
  process.chdir('/');
  if (stopped) await stopForGood(mount);
  try {
    report(stopped ? { kind: 'refused', message: 'stopped by a signal' } : { kind: 'ready' });
  } catch {
    // EPIPE: whoever asked for the mount was killed while waiting, and does not want it any more.
    await stopForGood(mount);
  }
  return { mount, log };
}

/** Returns the exit status, when the mount has ended. */
async function serve({ mount, log }: Serving): Promise<number> {
  closeSync(PARENT);
  try {
    await mount.closed;
    return 0;
  } catch (error) {
    log(asMountError(error, 'server').message);
    return 1;
  }
}

async function serverOf(config: MountConfig, thread: ThreadServer): Promise<Server> {
  if (config.transport === 'direct') return thread;
  await thread.dismiss();
  return chooseServer(config);
}

async function main(): Promise<number> {
  // Started before anything is known, because it takes longer than the rest: most mounts are served by it.
  const thread = new ThreadServer();
  const wanted = readStart();
  if (wanted === undefined) return 0;
  let serving: Serving;
  try {
    serving = await start(wanted, await serverOf(wanted.config, thread));
  } catch (error) {
    tell({ kind: 'refused', message: asMountError(error, 'daemon').message });
    return 1;
  }
  return await serve(serving);
}

process.exit(await main());
