/** A store of containers-storage for one test, and the clients that use it. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratch } from '../../../harness/scratch.js';
import { type Outcome, run } from '../../harness/sandbox.js';
import { type Driver, overlayOptions } from './drivers.js';
import type { PrivateMachine, RunOptions } from './private-machine.js';

/** Sets the limit of open files, because podman's own choice can need CAP_SYS_RESOURCE. */
const CONTAINERS_CONF = (tmpDir: string): string => `
[containers]
netns = "host"
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:4096", "nproc=4096:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${tmpDir}"
`;

export interface StoreOptions {
  /** The user who owns the store. Default: root. */
  readonly user?: string;
  /**
   * False: simulates a kernel that cannot map the owners of a mount. podman then leaves the mapping to the
   * mount program.
   */
  readonly idmappedLowers?: boolean;
  /** Returns the whole storage.conf for the two directories of the store, instead of the driver's. */
  readonly storageConf?: (dirs: { graphRoot: string; runRoot: string }) => string;
}

export class ContainerStore {
  readonly dir: string;
  readonly graphRoot: string;
  readonly runRoot: string;

  constructor(
    readonly machine: PrivateMachine,
    readonly driver: Driver,
    private readonly options: StoreOptions = {},
  ) {
    this.dir = makeScratch(`store-${driver.split(',', 1)}`);
    this.graphRoot = this.makeDir('graph');
    this.runRoot = this.makeDir('run');
    for (const name of ['home', 'tmp', 'libpod', 'runtime']) this.makeDir(name);
    const { user, storageConf = (dirs) => storageConfOf(driver, dirs, user), idmappedLowers = true } = options;
    // containers-storage stores what it has found out about the kernel as files with such names
    // (overlay.go:checkSupportsIDMapped).
    if (!idmappedLowers) writeFileSync(join(this.makeDir('run/overlay'), 'idmapped-lower-dir-false'), '');
    writeFileSync(join(this.dir, 'storage.conf'), storageConf(this));
    writeFileSync(join(this.dir, 'containers.conf'), CONTAINERS_CONF(join(this.dir, 'libpod')));
    writeFileSync(join(this.dir, 'registries.conf'), '');
    const config = this.makeDir('home/.config/containers');
    writeFileSync(join(config, 'policy.json'), '{ "default": [{ "type": "insecureAcceptAnything" }] }');
    chmodSync(this.at('runtime'), 0o700);
    if (user !== undefined) chownTree(user, this.dir);
  }

  /** Changes the driver of the store, which keeps its content. */
  changeDriver(driver: Driver): void {
    writeFileSync(this.at('storage.conf'), storageConfOf(driver, this, this.options.user));
  }

  /** Returns a path below the store's directory, of a file that does not belong to the store itself. */
  at(name: string): string {
    return join(this.dir, name);
  }

  /** Runs podman, which must succeed, and returns its output. */
  podman(...args: readonly string[]): string {
    return outputOf(['podman', ...args], this.try(['podman', ...args]));
  }

  /** Runs buildah, which must succeed, and returns its output. */
  buildah(...args: readonly string[]): string {
    return outputOf(['buildah', ...args], this.try(['buildah', ...args]));
  }

  /**
   * Removes a container, also a running one. podman's own cleanup of a container that has just ended can keep
   * its shared memory mounted for a moment, on every driver.
   */
  removeContainer(name: string): void {
    const command = ['podman', 'rm', '--force', '--time=0', name] as const;
    const busy = (outcome: Outcome): boolean => /\/userdata\/shm: device or resource busy/.test(outcome.stderr);
    let outcome = this.try(command);
    for (const deadline = Date.now() + 10_000; busy(outcome) && Date.now() < deadline; ) outcome = this.try(command);
    outputOf(command, outcome);
  }

  /** Runs a client or another program in the client's environment. */
  try(command: readonly [string, ...string[]], options: RunOptions = {}): Outcome {
    return this.machine.run(command, { ...this.asOwner(), ...options, env: { ...this.environment(), ...options.env } });
  }

  /** Returns the mountpoints of this store's layers and containers. */
  mounts(): string[] {
    return this.allMounts().filter((path) => !path.endsWith('/overlay'));
  }

  /**
   * Also returns the driver's directory, which podman mounts on itself as long as one of its processes uses
   * the store.
   */
  private allMounts(): string[] {
    return this.machine.mounts().filter((path) => path.startsWith(`${this.dir}/`));
  }

  /** Removes all containers and the store, and unmounts what is still mounted. */
  dispose(): void {
    this.try(['podman', 'rm', '--all', '--force', '--time=0']);
    for (const path of this.allMounts().reverse()) this.machine.run(['umount', '-l', path]);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private asOwner(): RunOptions {
    return this.options.user === undefined ? {} : { user: this.options.user };
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      HOME: this.at('home'),
      TMPDIR: this.at('tmp'),
      XDG_RUNTIME_DIR: this.at('runtime'),
      CONTAINERS_STORAGE_CONF: this.at('storage.conf'),
      CONTAINERS_CONF: this.at('containers.conf'),
      CONTAINERS_REGISTRIES_CONF: this.at('registries.conf'),
    };
  }

  private makeDir(name: string): string {
    mkdirSync(this.at(name), { recursive: true });
    return this.at(name);
  }
}

function storageConfOf(driver: Driver, dirs: { graphRoot: string; runRoot: string }, user: string | undefined): string {
  const { graphRoot, runRoot } = dirs;
  const lines = ['[storage]', 'driver = "overlay"', `graphroot = "${graphRoot}"`, `runroot = "${runRoot}"`];
  if (user !== undefined) lines.push(`rootless_storage_path = "${graphRoot}"`);
  return `${lines.join('\n')}\n${overlayOptions(driver)}`;
}

function chownTree(user: string, dir: string): void {
  const { status, stderr } = run('chown', ['-R', `${user}:${user}`, dir]);
  if (status !== 0) throw new Error(`chown: ${stderr}`);
}

function outputOf(command: readonly string[], { status, stdout, stderr }: Outcome): string {
  if (status === 0) return stdout;
  throw new Error(`${command.join(' ')}: status ${status}\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`);
}
