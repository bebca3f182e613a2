/**
 * Mounts whose server has no other mount, so that a test can kill it and count its files. With
 * PLYFS_SERVICE=1, the server is that of a service which is started for this mount.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Mounted, mountForeground, mountWith, PLYFS, USES_SERVICE, waitFor } from './mounts.js';
import type { LayerDirs } from './scratch.js';

/** The process that serves one mount of a test. */
export interface OwnServer {
  readonly pid: number;
  /** Kills the process that serves the mount (kill -9). Resolves when it has ended with all its threads. */
  kill(): Promise<void>;
  /** Sends SIGTERM to the process that was started for the mount. Resolves when the server has ended. */
  terminate(): Promise<void>;
  /**
   * Resolves when the server has closed the layers after the end of the mount, with the status of the process
   * that was started for the mount; null: a signal has ended it.
   */
  closed(): Promise<number | null>;
}

export interface OwnMount extends Mounted {
  readonly server: OwnServer;
  /** All that the server has logged so far. */
  log(): string;
}

/** The program that serves. */
export interface ServingProgram {
  /** Default: the program under test. */
  readonly path?: string;
  /** NODE_OPTIONS. */
  readonly nodeOptions?: string;
}

/** @param args the arguments without the mountpoint */
export async function mountWithOwnServer(
  layers: LayerDirs,
  args: readonly string[],
  program: ServingProgram = {},
): Promise<OwnMount> {
  if (USES_SERVICE) return await mountWithOwnService(layers, args, program);
  const { path = PLYFS, nodeOptions = process.env.NODE_OPTIONS ?? '' } = program;
  const command = ['env', `NODE_OPTIONS=${nodeOptions}`, path] as const;
  const { mountpoint, server, log, unmount } = await mountForeground(layers, [], [...args], command);
  const closed = async (): Promise<number | null> => await ended(server);
  return {
    mountpoint,
    unmount,
    log,
    server: { pid: server.pid ?? Number.NaN, kill: signalTo(server, 'SIGKILL'), terminate: signalTo(server), closed },
  };
}

async function mountWithOwnService(
  layers: LayerDirs,
  args: readonly string[],
  program: ServingProgram,
): Promise<OwnMount> {
  const service = await OwnService.start(dirname(layers.mountpoint), program);
  try {
    const { mountpoint, said, unmount } = mountWith([...args, '-o', `log=${service.logFile}`], layers, service.env);
    return {
      mountpoint,
      log: () => said + service.log(),
      server: service,
      unmount: () => {
        unmount();
        service.end();
      },
    };
  } catch (error) {
    service.end();
    throw error;
  }
}

/** Seconds after the end of its mount after which a service ends that a failed test has not ended. */
const IDLE_SECONDS = 60;

class OwnService implements OwnServer {
  /** The environment in which plyfs finds this service. */
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  private readonly place: string;
  private readonly supervisor: ChildProcess;
  private messages = '';
  private server = Number.NaN;

  private constructor(beside: string, { path = PLYFS, nodeOptions = process.env.NODE_OPTIONS ?? '' }: ServingProgram) {
    this.place = mkdtempSync(join(beside, 'service-'));
    this.logFile = join(this.place, 'log');
    this.env = { ...process.env, PLYFS_SERVICE_DIR: this.place };
    const args = ['serve', '--idle-timeout', `${IDLE_SECONDS}`];
    const env = { ...this.env, NODE_OPTIONS: nodeOptions };
    this.supervisor = spawn(path, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.supervisor.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.messages += text;
    });
    // After `close` nothing is added to the messages.
    this.supervisor.once('close', () => {
      this.messages = this.log();
      rmSync(this.place, { recursive: true, force: true });
    });
  }

  /** Starts a service, with its directory in `beside`. Resolves when it accepts mounts. */
  static async start(beside: string, program: ServingProgram): Promise<OwnService> {
    const service = new OwnService(beside, program);
    await waitFor(() => {
      const { exitCode } = service.supervisor;
      if (exitCode !== null) throw new Error(`plyfs serve ended with status ${exitCode}: ${service.messages}`);
      return service.messages.includes('accepts mounts');
    }, 'the service to accept mounts');
    service.messages = '';
    const pids = join(service.place, String(statSync('/proc/self/ns/user').ino), 'pids');
    service.server = Number(readFileSync(pids, 'utf8').split(' ')[1]);
    return service;
  }

  get pid(): number {
    return this.server;
  }

  log(): string {
    return this.messages + (existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '');
  }

  /** A process with threads is in /proc until its last thread has ended. */
  private async serverEnded(): Promise<void> {
    await waitFor(() => !existsSync(`/proc/${this.server}`), 'the server process to end');
  }

  async kill(): Promise<void> {
    process.kill(this.server, 'SIGKILL');
    await this.serverEnded();
  }

  async terminate(): Promise<void> {
    this.end();
    await this.serverEnded();
  }

  /** The server process lives longer than the mount. */
  async closed(): Promise<number | null> {
    await this.terminate();
    return await ended(this.supervisor);
  }

  end(): void {
    this.supervisor.kill('SIGTERM');
  }
}

function signalTo(server: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): () => Promise<void> {
  return async () => {
    server.kill(signal);
    await ended(server);
  };
}

/** Resolves with the status of a process when it has ended and its output was read; null: by a signal. */
async function ended(server: ChildProcess): Promise<number | null> {
  if (server.exitCode === null && server.signalCode === null) await once(server, 'close');
  return server.exitCode;
}
