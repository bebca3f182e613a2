/**
 * A dockerd of a test's own, whose containers have their root directories from the kernel's overlayfs or from
 * plyfs.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLYFS, waitFor } from '../../../harness/mounts.js';
import { makeScratch } from '../../../harness/scratch.js';
import type { Outcome } from '../../cli/sandbox.js';
import { DOCKER_CGROUP, type PrivateMachine, type RunOptions } from '../shared/private-machine.js';

/** Where the packages put the engine. A newer client may be elsewhere, and refuse an older daemon. */
const PACKAGED = '/usr/sbin:/usr/bin:/sbin:/bin';

export interface DaemonOptions {
  /** daemon.json, which says nothing of where things are. */
  readonly config?: string;
  /** Of the daemon; where it finds the mount program under the name that it asks for. */
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
    // dockerd knows no other name (moby: daemon/graphdriver/fuse-overlayfs/fuseoverlayfs.go:Init).
    if (driver === 'plyfs') symlinkSync(PLYFS, this.at('programs/fuse-overlayfs'));
    const { config = JSON.stringify({ 'storage-driver': this.storageDriver }) } = options;
    writeFileSync(this.at('daemon.json'), config);
  }

  get storageDriver(): string {
    return this.driver === 'kernel' ? 'overlay2' : 'fuse-overlayfs';
  }

  /** Where the storage driver keeps layers. */
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

  /** Ends the daemon as its service manager does; it ends the containers. */
  async stop(): Promise<void> {
    await this.signal('TERM');
  }

  async signal(name: string): Promise<void> {
    this.machine.run(['kill', '-s', name, String(this.pid)]);
    await waitFor(() => !this.runs(), `dockerd to end (${this.at('log')})`);
  }

  /** Runs a command of docker's, which must succeed, and gives what it prints. */
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

  /** Mountpoints of layers and containers. */
  mounts(): string[] {
    return this.machine.mounts().filter((path) => path.startsWith(`${this.layers}/`));
  }

  /** Processes that have this daemon's directory on their command line, but for the daemon's own two. */
  processes(): string[] {
    return this.machine
      .processes()
      .map(({ command }) => command)
      .filter((command) => command.includes(`${this.dir}/`) && !/^(dockerd|containerd) /.test(command));
  }

  /**
   * Files and directories of layers that the daemon has open. Its connections to containers are not among
   * them.
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

  /** Whatever they do. */
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

  /** No network, and nothing beyond what a machine without CAP_SYS_RESOURCE may set. */
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
