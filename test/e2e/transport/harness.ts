/** A mount of the mirror file system, which a process of its own serves. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const SERVE = fileURLToPath(new URL('../../fixtures/transport/serve.mjs', import.meta.url));

const SERVE_LIBFUSE2 = fileURLToPath(new URL('../../fixtures/transport/serve-libfuse2.mjs', import.meta.url));

export interface ServeOptions {
  /** Serve through fuse-native. */
  libfuse2?: boolean;
  /** Seconds; for fuse-native. */
  requestTimeout?: number;
  usePassthrough?: boolean;
  timeout?: number;
  writable?: boolean;
  debug?: boolean;
  helper?: boolean;
}

/** The server's figures at its end. */
export interface Account {
  /** How many requests it has served, by name; 0 is absent. */
  requests: {
    readonly [name in
      | 'LOOKUP'
      | 'READLINK'
      | 'READDIR'
      | 'READDIRPLUS'
      | 'OPENDIR'
      | 'RELEASEDIR'
      | 'GETATTR'
      | 'OPEN'
      | 'READ'
      | 'WRITE']?: number;
  };
  lookups: number;
  opens: number;
  closed: boolean;
  passthrough: boolean;
}

export class MirrorMount {
  private output = '';
  log = '';
  private readonly ended: Promise<number | null>;

  private constructor(
    readonly server: ChildProcess,
    readonly mountpoint: string,
  ) {
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
    this.ended = new Promise((resolve) => server.on('close', resolve));
  }

  static async start(source: string, mountpoint: string, options: ServeOptions = {}): Promise<MirrorMount> {
    const program = options.libfuse2 === true ? SERVE_LIBFUSE2 : SERVE;
    const server = spawn(process.execPath, [program, source, mountpoint, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    const mount = new MirrorMount(server, mountpoint);
    await until(() => {
      if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}: ${mount.log}`);
      return mount.output.startsWith('ready\n');
    });
    return mount;
  }

  /** Resumes parked requests. */
  completeParked(): void {
    (this.server.stdio[3] as Writable).write('x');
  }

  /** Makes the control fd readable. */
  stop(): void {
    this.server.stdin?.end();
  }

  /** Waits until the server has ended by itself. */
  async account(): Promise<Account> {
    const status = await this.ended;
    const line = this.output.split('\n')[1];
    if (status !== 0 || !line) throw new Error(`the server ended with ${status}: ${this.log}`);
    return JSON.parse(line) as Account;
  }

  unmount(): Promise<Account> {
    const done = spawnSync('umount', [this.mountpoint], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
    return this.account();
  }

  /** Unmounts, and kills the server. Call it after each test, also a failed one. */
  async dispose(): Promise<void> {
    spawnSync('umount', ['-l', this.mountpoint]);
    this.server.kill('SIGKILL');
    await this.ended;
  }
}

/** Waits for a condition until the time limit of the test. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
