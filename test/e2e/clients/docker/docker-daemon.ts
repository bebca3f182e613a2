/**
 * A dockerd that a test starts, whose containers have their root directories on the kernel's overlayfs or on
 * plyfs.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLYFS, waitFor } from '../../../harness/mounts.js';
import { makeScratch } from '../../../harness/scratch.js';
import type { Outcome } from '../../harness/sandbox.js';
import { DOCKER_CGROUP, type PrivateMachine, type RunOptions } from '../shared/private-machine.js';

/** The directories of the packaged engine. A newer client elsewhere can refuse an older daemon. */
const PACKAGED = '/usr/sbin:/usr/bin:/sbin:/bin';

export interface DaemonOptions {
  /** The content of daemon.json, without paths. */
  readonly config?: string;
  /** The daemon's PATH, which must contain the mount program under the name that dockerd uses. */
  readonly path?: string;
}

export class DockerDaemon {
  readonly dir: string;
  private pid = 0;

  constructor(
    private readonly machine: PrivateMachine,
    readonly driver: 'kernel' | 'plyfs',
    private readonly options: DaemonOptions = {},
  ) {
    this.dir = makeScratch(`docker-${driver}`);
    mkdirSync(this.at('programs'));
    // dockerd uses this name only (moby: daemon/graphdriver/fuse-overlayfs/fuseoverlayfs.go:Init).
    if (driver === 'plyfs') symlinkSync(PLYFS, this.at('programs/fuse-overlayfs'));
    const { config = JSON.stringify({ 'storage-driver': this.storageDriver }) } = options;
    writeFileSync(this.at('daemon.json'), config);
  }

  get storageDriver(): string {
    return this.driver === 'kernel' ? 'overlay2' : 'fuse-overlayfs';
  }

  /** The directory of the storage driver's layers. */
  get layers(): string {
    return this.at(`data/${this.storageDriver}`);
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  async start(): Promise<void> {
    const { path = `${this.at('programs')}:${PACKAGED}:${process.env.PATH}` } = this.options;
    const script = 'log=$1; shift; setsid dockerd "$@" >> "$log" 2>&1 < /dev/null & echo $!';
    const started = this.machine.run(['sh', '-c', script, 'sh', this.at('log'), ...this.flags()], {
      env: { PATH: path },
    });
    this.pid = Number(started.stdout);
    await waitFor(() => {
      if (!this.runs()) throw new Error(`dockerd ended: ${this.log()}`);
      return this.try('version').status === 0;
    }, 'dockerd to answer');
  }

  /** Ends the daemon as a service manager does. The daemon then ends the containers. */
  async stop(): Promise<void> {
    await this.signal('TERM');
  }

  async signal(name: string): Promise<void> {
    this.machine.run(['kill', '-s', name, String(this.pid)]);
    await waitFor(() => !this.runs(), `dockerd to end (${this.at('log')})`);
  }

  /** Runs a docker command, which must succeed, and returns its output. */
  docker(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.try(...args);
    if (status === 0) return stdout;
    throw new Error(`docker ${args.join(' ')}: status ${status}\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`);
  }

  try(...args: readonly string[]): Outcome {
    return this.tryWith({}, ...args);
  }

  tryWith(options: RunOptions, ...args: readonly string[]): Outcome {
    const env = {
      PATH: `${PACKAGED}:${process.env.PATH}`,
      HOME: this.dir,
      DOCKER_HOST: `unix://${this.at('socket')}`,
      DOCKER_BUILDKIT: '0',
    };
    return this.machine.run(['docker', ...args], { ...options, env: { ...env, ...options.env } });
  }

  /** Returns the mountpoints of layers and containers. */
  mounts(): string[] {
    return this.machine.mounts().filter((path) => path.startsWith(`${this.layers}/`));
  }

  /**
   * Returns the processes with this daemon's directory on their command line, except dockerd and containerd.
   */
  processes(): string[] {
    return this.machine
      .processes()
      .map(({ command }) => command)
      .filter((command) => command.includes(`${this.dir}/`) && !/^(dockerd|containerd) /.test(command));
  }

  /**
   * Returns the files and directories of layers that the daemon has open, without its connections to
   * containers.
   */
  layerDescriptors(): string[] {
    return this.machine.descriptors(this.pid).filter((path) => path.startsWith(`${this.layers}/`));
  }

  runs(): boolean {
    return this.pid !== 0 && existsSync(this.machine.path(`/proc/${this.pid}`));
  }

  log(): string {
    return readFileSync(this.at('log'), 'utf8').slice(-3000);
  }

  /** Removes all containers, also running ones. */
  removeContainers(): void {
    const containers = this.try('ps', '--all', '--quiet').stdout.split('\n').filter(Boolean);
    if (containers.length > 0) this.docker('rm', '--force', '--volumes', ...containers);
  }

  async dispose(): Promise<void> {
    if (this.runs()) {
      this.removeContainers();
      await this.stop();
    }
    for (const path of this.machine.mounts().reverse()) {
      if (path.startsWith(`${this.dir}/`)) this.machine.run(['umount', '-l', path]);
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** Options without network, and without limits that need CAP_SYS_RESOURCE. */
  private flags(): string[] {
    return [
      `--config-file=${this.at('daemon.json')}`,
      `--data-root=${this.at('data')}`,
      `--exec-root=${this.at('exec')}`,
      `--pidfile=${this.at('pid')}`,
      `--host=unix://${this.at('socket')}`,
      '--iptables=false',
      '--bridge=none',
      '--oom-score-adjust=0',
      `--cgroup-parent=${DOCKER_CGROUP}`,
    ];
  }
}
