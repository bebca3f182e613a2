/**
 * A containerd that a test starts, with a snapshotter that mounts with a program, besides its own overlayfs
 * snapshotter.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLYFS, waitFor } from '../../../harness/mounts.js';
import { makeScratch } from '../../../harness/scratch.js';
import type { Outcome } from '../../harness/sandbox.js';
import { CONTAINERD_NAMESPACE, type PrivateMachine } from '../shared/private-machine.js';
import { ProxySnapshotter } from './proxy-snapshotter.js';

/** Plugins that the test does not use, and that need something from the machine. */
const DISABLED = [
  'grpc.v1.cri',
  'internal.v1.opt',
  'snapshotter.v1.aufs',
  'snapshotter.v1.btrfs',
  'snapshotter.v1.zfs',
];

interface Listening {
  /** Lines of config.toml. */
  readonly config: string;
  readonly socket: string;
}

export class ContainerdDaemon {
  readonly dir = makeScratch('containerd');
  private pid = 0;
  private readonly snapshotters: (Listening & { readonly snapshotter: ProxySnapshotter })[] = [];

  constructor(private readonly machine: PrivateMachine) {
    mkdirSync(this.at('programs'));
    // mount.fuse3 makes /bin/sh run the program whose name follows `fuse3.`
    symlinkSync(PLYFS, this.at('programs/plyfs'));
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  /**
   * Adds a snapshotter `name` for a program, given by name or absolute path. Call this before {@link start}.
   * @param listening lines of config.toml for the snapshotter, and the socket that they name
   */
  addSnapshotter(name: string, program: string, listening?: Listening): ProxySnapshotter {
    const root = this.at(`snapshots-${name}`);
    const snapshotter = new ProxySnapshotter(root, program);
    const socket = listening?.socket ?? join(root, 'socket');
    const config = listening?.config ?? `[proxy_plugins.${name}]\ntype = "snapshot"\naddress = "${socket}"\n`;
    this.snapshotters.push({ snapshotter, socket, config });
    return snapshotter;
  }

  async start(): Promise<void> {
    for (const { snapshotter, socket } of this.snapshotters) await snapshotter.start(socket);
    const proxies = this.snapshotters.map(({ config }) => config.replace('version = 2\n', ''));
    writeFileSync(this.at('config.toml'), this.config() + proxies.join(''));
    const script = 'log=$1; shift; setsid containerd "$@" >> "$log" 2>&1 < /dev/null & echo $!';
    const started = this.machine.run(['sh', '-c', script, 'sh', this.at('log'), '--config', this.at('config.toml')], {
      env: this.environment(),
    });
    this.pid = Number(started.stdout);
    await waitFor(() => {
      if (!this.runs()) throw new Error(`containerd ended: ${readFileSync(this.at('log'), 'utf8').slice(-3000)}`);
      return this.machine.run(['ctr', '--address', this.at('socket'), 'version']).status === 0;
    }, 'containerd to answer');
  }

  /** Runs a ctr command, which must succeed, and returns its output. */
  async ctr(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.try(...args);
    if (status === 0) return stdout;
    throw new Error(`ctr ${args.join(' ')}: status ${status}\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`);
  }

  try(...args: readonly string[]): Promise<Outcome> {
    const ctr = ['ctr', '--address', this.at('socket'), '--namespace', CONTAINERD_NAMESPACE] as const;
    return this.machine.runAsync([...ctr, ...args], { env: this.environment() });
  }

  /** Returns the mountpoints of containers and snapshots. */
  mounts(): string[] {
    return this.machine
      .mounts()
      .filter((path) => path.startsWith(`${this.dir}/`) || path.startsWith('/tmp/containerd-mount'));
  }

  /** Returns the servers of mounts, the shims, and the processes that they have started. */
  processes(): string[] {
    return this.machine
      .processes()
      .filter(({ pid, command }) => pid !== this.pid && command.includes(`${this.dir}/`))
      .map(({ command }) => command);
  }

  async dispose(): Promise<void> {
    if (this.runs()) {
      this.machine.run(['kill', String(this.pid)]);
      await waitFor(() => !this.runs(), `containerd to end (${this.at('log')})`);
    }
    for (const { snapshotter } of this.snapshotters) snapshotter.stop();
    for (const path of this.mounts().reverse()) this.machine.run(['umount', '-l', path]);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /**
   * The environment of the daemon and of the clients, which also mount snapshots themselves, to read them.
   */
  private environment(): NodeJS.ProcessEnv {
    return { PATH: `${this.at('programs')}:${process.env.PATH}` };
  }

  private runs(): boolean {
    return this.pid !== 0 && existsSync(this.machine.path(`/proc/${this.pid}`));
  }

  /** config.toml. Snapshots without an image or a container are only collected on request. */
  private config(): string {
    return `
version = 2
root = "${this.at('root')}"
state = "${this.at('state')}"
oom_score = 0
disabled_plugins = [${DISABLED.map((name) => `"io.containerd.${name}"`).join(', ')}]
[grpc]
address = "${this.at('socket')}"
[plugins."io.containerd.gc.v1.scheduler"]
startup_delay = "1h"
mutation_threshold = 0
`;
  }
}
