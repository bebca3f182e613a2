/** Serving a mount in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { DaemonReport, DaemonStart } from '../server/daemon-report.js';
import { MountError } from '../server/mount-error.js';
import { OK } from './exit-status.js';
import { say } from './message.js';

const DAEMON = fileURLToPath(new URL('../server/daemon.js', import.meta.url));

/**
 * Returns when the mount answers. Throws `MountError` if it was refused. The daemon is given none of our stdio: who
 * started us may wait for the end of the pipes that we write to.
 */
export async function startDaemon(start: DaemonStart): Promise<number> {
  const daemon = spawn(process.execPath, [DAEMON], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const ended = new Promise<string>((resolve) => {
    daemon.once('error', (error) => resolve(error.message));
    daemon.once('exit', (status, signal) => resolve(`ended with ${signal ?? `status ${status}`}`));
  });
  const channel = daemon.stdio[3] as Duplex;
  channel.on('error', () => {}); // EPIPE: the daemon ended early, which `ended` tells.
  // A socket, so that our half can be closed (the config is complete) and the other still be read.
  channel.end(JSON.stringify(start));
  const answer = await readAnswer(channel);
  if (answer === undefined) throw new MountError(`the daemon ${await ended} before the mount was ready`);
  if (answer.kind === 'refused') throw new MountError(answer.message);
  release(daemon, channel);
  return OK;
}

type Answer = Exclude<DaemonReport, { kind: 'warning' }>;

/** The report that ends the start; undefined if the daemon ends without one. */
async function readAnswer(channel: Duplex): Promise<Answer | undefined> {
  for await (const line of createInterface({ input: channel })) {
    const report = JSON.parse(line) as DaemonReport;
    if (report.kind !== 'warning') return report;
    say(report.line);
  }
  return undefined;
}

function release(daemon: ChildProcess, channel: Duplex): void {
  channel.destroy();
  daemon.unref();
}
