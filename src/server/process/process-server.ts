import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MountConfig } from '../config/mount-config.js';
import { MountError } from '../config/mount-error.js';
import type { Server, ServerEvents, ServerMessage } from '../serving/server.js';

/** What it is told in the end; at first it is told a MountConfig. */
const STOP = 'stop';

const PROGRAM = fileURLToPath(new URL('./serving-process.js', import.meta.url));

/** How long it may take to end when it is told to; an operation can hang in a system call. */
const PATIENCE_MS = 3000;

/**
 * A process that serves a mount through fuse-native, which wants the main thread of a process, and one that
 * does not use the mount. It ends when this process does: its end of the channel tells it.
 */
export class ProcessServer implements Server {
  private readonly process: ChildProcess = fork(PROGRAM, {
    execArgv: [],
    // Signals of the terminal are for who started us.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });

  /** In good order. */
  private ended = false;

  start(config: MountConfig, events: ServerEvents): void {
    const child = this.process;
    let told = '';
    child.on('message', (message: ServerMessage) => events.message(withReason(message, told)));
    child.on('error', (error) => events.failed(error));
    // What libfuse has to say, and the last words of a process that ends itself.
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        told = line;
        events.message({ kind: 'log', line });
      });
    }
    // `close`, not `exit`: its last words have come by then.
    child.on('close', (status, signal) => {
      this.ended = status === 0;
      if (!this.ended) events.failed(endedBy(signal ?? `status ${status}`));
      events.ended();
    });
    child.send(config);
  }

  stop(): void {
    // Not by disconnecting: a channel closed from our side keeps `close` from coming. An error: it has ended
    // already.
    this.process.send(STOP, () => {});
    setTimeout(() => this.process.kill('SIGKILL'), PATIENCE_MS).unref();
  }

  /** Its device was closed with it. One that ends by itself has seen to its mount. */
  cleanUp(): boolean {
    return !this.ended;
  }
}

function endedBy(what: string): MountError {
  return MountError.of({ what: 'serving process', why: `ended by ${what}` });
}

/** libfuse says why it cannot mount on stderr alone. */
function withReason(message: ServerMessage, told: string): ServerMessage {
  if (message.kind !== 'refused' || told === '') return message;
  return { ...message, message: `${message.message}: ${told}` };
}
