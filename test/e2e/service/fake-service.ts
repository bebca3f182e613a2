/** A service in place of `plyfs serve`: a test writes its answers. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isStopped } from '../../../src/sys/process/process-facts.js';

const { O_RDWR, O_NONBLOCK, O_WRONLY } = constants;

/** The process whose pid is in the file `pids`. It only waits, so that it can be stopped and killed. */
export type Body = ReturnType<typeof spawn>;

export class FakeService {
  readonly directory: string;
  private readonly fifo: number;
  private text = '';

  private constructor(
    base: string,
    readonly body: Body,
  ) {
    this.directory = join(base, `${statSync('/proc/self/ns/user').ino}`);
    mkdirSync(this.directory, { mode: 0o700 });
    execFileSync('mkfifo', ['-m', '600', join(this.directory, 'request')]);
    this.fifo = openSync(join(this.directory, 'request'), O_RDWR | O_NONBLOCK);
    writeFileSync(join(this.directory, 'pids'), `${body.pid} ${body.pid}\n`);
  }

  static async start(base: string): Promise<FakeService> {
    const body = spawn('sleep', ['1000'], { stdio: 'ignore' });
    await once(body, 'spawn');
    return new FakeService(base, body);
  }

  /** Resolves with the next request: its words. */
  async request(): Promise<string[]> {
    for (;;) {
      const end = this.text.indexOf('\n');
      if (end >= 0) {
        const line = this.text.slice(0, end);
        this.text = this.text.slice(end + 1);
        return line.split(' ');
      }
      this.text += readSome(this.fifo);
      await pause(2);
    }
  }

  /** Whether a request has arrived that {@link request} has not returned. */
  get wasAsked(): boolean {
    this.text += readSome(this.fifo);
    return this.text !== '';
  }

  /** Opens the pipe in which the process `pid` waits for an answer. The caller closes it. */
  static answerPipe(pid: string | undefined): number {
    return openSync(`/proc/${pid}/fd/9`, O_WRONLY | O_NONBLOCK);
  }

  static answer(pipe: number, ...lines: string[]): void {
    for (const line of lines) writeSync(pipe, `${line}\n`);
  }

  /** Stops the process. Resolves when it is stopped: the kernel does that a moment after the signal. */
  async stop(): Promise<void> {
    this.body.kill('SIGSTOP');
    while (!isStopped(this.body.pid ?? 0)) await pause(2);
  }

  async end(): Promise<void> {
    closeSync(this.fifo);
    if (this.body.exitCode !== null || this.body.signalCode !== null) return;
    const ended = once(this.body, 'exit');
    this.body.kill('SIGKILL');
    await ended;
  }
}

function readSome(fifo: number): string {
  const buffer = Buffer.alloc(4096);
  try {
    return buffer.toString('latin1', 0, readSync(fifo, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}
