/** A service that `plyfs serve` runs for one test, in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';

const PATIENCE = { timeout: 60_000, interval: 10 };

/** Waits until `holds` returns true. */
export async function until(holds: () => boolean): Promise<void> {
  await vi.waitUntil(holds, PATIENCE);
}

/** Layers and a mountpoint, and the directory of a service. */
export class ServiceSandbox extends Sandbox {
  /** PLYFS_SERVICE_DIR. */
  readonly base = this.at('service');
  readonly directory = join(this.base, `${statSync('/proc/self/ns/user').ino}`);
  readonly env: NodeJS.ProcessEnv = { ...process.env, PLYFS_SERVICE_DIR: this.base };
  private readonly started: RunningService[] = [];

  /** Starts a service in the foreground. Resolves when it accepts mounts, or has ended. */
  async start(
    options: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<RunningService> {
    const service = new RunningService(this, options);
    this.started.push(service);
    await until(() => service.text.includes('accepts mounts') || service.hasEnded);
    return service;
  }

  override plyfs(...args: readonly string[]): Outcome {
    return run(PLYFS, args, { cwd: this.dir, env: this.env });
  }

  /** The pids that the service has written. */
  pids(): { supervisor: number; server: number } {
    const pids = this.tryPids();
    if (pids === undefined) throw new Error(`the service in ${this.directory} has written no pids`);
    return pids;
  }

  /** Waits until another process than `server` serves. Between two servers there are no pids. */
  async untilNewServer(server: number): Promise<void> {
    await until(() => ![undefined, server].includes(this.tryPids()?.server));
  }

  async untilNoPids(): Promise<void> {
    await until(() => this.tryPids() === undefined);
  }

  private tryPids(): { supervisor: number; server: number } | undefined {
    const file = join(this.directory, 'pids');
    const text = readIfExists(file);
    if (text === undefined) return undefined;
    const [supervisor = 0, server = 0] = text.split(' ').map(Number);
    return { supervisor, server };
  }

  /** Ends all services and mounts, and removes the directory. */
  async close(): Promise<void> {
    for (const service of this.started) await service.end();
    await this.endDetached();
    this.dispose();
  }

  /** Ends a service that was started by `--detach`. */
  private async endDetached(): Promise<void> {
    const pids = this.tryPids();
    if (pids === undefined) return;
    try {
      process.kill(pids.supervisor, 'SIGTERM');
    } catch (error) {
      // It has ended, and left its pids: it was killed.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await until(() => !isAlive(pids.supervisor) && !isAlive(pids.server));
  }
}

export class RunningService {
  /** Its stderr. */
  text = '';
  private readonly child: ChildProcess;

  constructor(
    { env, dir }: ServiceSandbox,
    { args = [], env: more = {} }: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv },
  ) {
    this.child = spawn(PLYFS, ['serve', ...args], {
      cwd: dir,
      env: { ...env, ...more },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get status(): number | null {
    return this.child.exitCode;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves with the status when it has ended. */
  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.child, 'exit');
    return this.status;
  }

  async end(): Promise<void> {
    if (this.hasEnded) return;
    this.kill('SIGCONT');
    this.kill('SIGTERM');
    await this.ended();
  }
}

function readIfExists(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // ENOENT, ESRCH: it has ended.
  }
}
