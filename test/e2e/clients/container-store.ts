/** A store of containers-storage of a test's own, and the clients that work on it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratch } from '../../harness/scratch.js';
import type { Outcome } from '../cli/sandbox.js';
import { type Driver, mountProgram } from './drivers.js';
import type { PrivateMachine, RunOptions } from './private-machine.js';

/** The limit of open files can be beyond what a machine without CAP_SYS_RESOURCE may set, so podman is not left to choose. */
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
  /** Instead of what the driver asks for: storage.conf as it is to be, with the two directories of the store. */
  readonly storageConf?: (dirs: { graphRoot: string; runRoot: string }) => string;
}

export class ContainerStore {
  readonly dir: string;
  readonly graphRoot: string;
  readonly runRoot: string;

  constructor(
    readonly machine: PrivateMachine,
    readonly driver: Driver,
    options: StoreOptions = {},
  ) {
    this.dir = makeScratch(`store-${driver}`);
    this.graphRoot = this.makeDir('graph');
    this.runRoot = this.makeDir('run');
    for (const name of ['home', 'tmp', 'libpod']) this.makeDir(name);
    const { storageConf = (dirs) => storageConfOf(driver, dirs) } = options;
    writeFileSync(join(this.dir, 'storage.conf'), storageConf(this));
    writeFileSync(join(this.dir, 'containers.conf'), CONTAINERS_CONF(join(this.dir, 'libpod')));
    writeFileSync(join(this.dir, 'registries.conf'), '');
    const config = this.makeDir('home/.config/containers');
    writeFileSync(join(config, 'policy.json'), '{ "default": [{ "type": "insecureAcceptAnything" }] }');
  }

  /** A path below the store's directory; nothing of the store itself is called so. */
  at(name: string): string {
    return join(this.dir, name);
  }

  /** Runs podman, which must succeed, and gives what it prints. */
  podman(...args: readonly string[]): string {
    return succeeded(['podman', ...args], this.try(['podman', ...args]));
  }

  /** Runs buildah, which must succeed, and gives what it prints. */
  buildah(...args: readonly string[]): string {
    return succeeded(['buildah', ...args], this.try(['buildah', ...args]));
  }

  /** Runs a client, or something else in its environment. */
  try(command: readonly [string, ...string[]], options: RunOptions = {}): Outcome {
    return this.machine.run(command, { ...options, env: { ...this.environment(), ...options.env } });
  }

  /** Mountpoints that are this store's. */
  mounts(): string[] {
    return this.machine.mounts().filter((path) => path.startsWith(`${this.dir}/`));
  }

  /** Ends what runs of it and removes it. What is left mounted is unmounted. */
  dispose(): void {
    this.try(['podman', 'rm', '--all', '--force', '--time=0']);
    for (const path of this.mounts().reverse()) this.machine.run(['umount', '-l', path]);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      HOME: this.at('home'),
      TMPDIR: this.at('tmp'),
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

function storageConfOf(driver: Driver, { graphRoot, runRoot }: { graphRoot: string; runRoot: string }): string {
  const program = mountProgram(driver);
  const overlay = program === undefined ? '' : `[storage.options.overlay]\nmount_program = "${program}"\n`;
  return `[storage]\ndriver = "overlay"\ngraphroot = "${graphRoot}"\nrunroot = "${runRoot}"\n${overlay}`;
}

function succeeded(command: readonly string[], { status, stdout, stderr }: Outcome): string {
  if (status === 0) return stdout;
  throw new Error(`${command.join(' ')}: status ${status}\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`);
}
