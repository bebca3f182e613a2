import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MountConfig } from '../config/mount-config.js';
import { MountError } from '../config/mount-error.js';
import type { Server, ServerEvents, ServerMessage } from '../serving/server.js';

/** The message that ends the serving process. The first message is a MountConfig. */
const STOP = 'stop';

const PROGRAM = fileURLToPath(new URL('./serving-process.js', import.meta.url));

/**
 * How long the process may need to end, in milliseconds. Then it is killed, because an operation can hang in
 * a system call.
 */
const ENDING_MS = 3000;

/**
 * A process that serves a mount through fuse-native. fuse-native needs the main thread of a process that does
 * not use the mount itself. The serving process ends when this process does, because the channel between them
 * then closes.
 */
export class ProcessServer implements Server {
  private readonly process: ChildProcess = fork(PROGRAM, {
    execArgv: [],
    // In a session of its own, so that signals of the terminal do not reach it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });

  /** The process has ended with status 0. */
  private hasSucceeded = false;

  start(config: MountConfig, events: ServerEvents): void {
    const child = this.process;
    let lastLine = '';
    child.on('message', (message: ServerMessage) => events.message(withReason(message, lastLine)));
    child.on('error', (error) => events.failed(error));
    // Its stderr has messages of libfuse, and the stack of an uncaught error.
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        lastLine = line;
        events.message({ kind: 'log', line });
      });
    }
    // `close`, not `exit`: by then its whole stderr has been read.
    child.on('close', (status, signal) => {
      this.hasSucceeded = status === 0;
      if (!this.hasSucceeded) events.failed(endedBy(signal ?? `status ${status}`));
      events.ended();
    });
    child.send(config);
  }

  stop(): void {
    // Not by disconnecting: Node emits no `close` after the channel was closed from this side. An error means
    // that the process has ended already.
    this.process.send(STOP, () => {});
    setTimeout(() => this.process.kill('SIGKILL'), ENDING_MS).unref();
  }

  /**
   * Has nothing to free: the kernel closed the device when the process ended. A process that ends with status
   * 0 has unmounted its mount.
   */
  cleanUp(): boolean {
    return !this.hasSucceeded;
  }
}

/** The failure of a process that a signal, or an exit status, has ended. */
function endedBy(what: string): MountError {
  return MountError.of({ what: 'serving process', why: `ended by ${what}` });
}

/** Adds the last line of stderr to a refusal: only there does libfuse report why it cannot mount. */
function withReason(message: ServerMessage, lastLine: string): ServerMessage {
  if (message.kind !== 'refused' || lastLine === '') return message;
  return { ...message, message: `${message.message}: ${lastLine}` };
}
