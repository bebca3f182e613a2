/**
 * A private machine: mount and process namespaces in which container engines run. Their mounts and processes
 * are visible nowhere else, and end with the first process of the namespace, also after a failure. The
 * network and the cgroups are those of the real machine.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { coverDirectories } from '../../../harness/machine/covered-directories.js';
import { openFilesOf } from '../../../harness/machine/processes.js';
import { waitFor } from '../../../harness/mounts.js';
import type { Outcome } from '../../harness/sandbox.js';

/** Directories of the whole machine that engines write to. Each is empty in the namespace. */
const MACHINE_DIRECTORIES = ['/dev/shm', '/run', '/var/lib/containers', '/var/lib/cni', '/var/cache/containers'];

/**
 * The first process prepares the namespace. It makes /dev/fuse accessible to all users, as udev does. It
 * unmounts a cgroup2 tree beside those of version 1, because crun does not work with both. It shares mounts
 * within the namespace, because rootless podman needs mounts that propagate. It ignores SIGCHLD, so that the
 * kernel reaps orphans, for which podman waits.
 */
const FIRST_PROCESS = `
  set -e
  resolv=$(readlink -f /etc/resolv.conf)
  names=$(cat "$resolv")
  ${coverDirectories(MACHINE_DIRECTORIES)}
  chmod 1777 /dev/shm
  mkdir -p "\${resolv%/*}"
  [ -e "$resolv" ] || echo "$names" > "$resolv"
  mknod -m 666 /run/fuse c 10 229
  mount --bind /run/fuse /dev/fuse
  umount /sys/fs/cgroup/unified 2>/dev/null || :
  mount --make-rshared /
  echo ready
  exec perl -e '$SIG{CHLD} = "IGNORE"; exec "sleep", "infinity"'`;

/** The parent cgroup of dockerd's containers. */
export const DOCKER_CGROUP = 'plyfs-docker';
/** The containerd namespace; ctr puts containers below a cgroup of that name. */
export const CONTAINERD_NAMESPACE = 'plyfs-containerd';
const ENGINE_CGROUPS = ['libpod_parent', DOCKER_CGROUP, CONTAINERD_NAMESPACE];

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** The user who runs the program. Default: root. */
  readonly user?: string;
  readonly input?: string;
  readonly timeout?: number;
}

export interface MachineProcess {
  /** The pid in the namespace. */
  readonly pid: number;
  readonly command: string;
}

export class PrivateMachine {
  private constructor(
    private readonly holder: ChildProcess,
    /** The pid of the first process, outside of the namespace. */
    private readonly first: number,
    private readonly madeDirs: readonly string[],
    private readonly cgroupsBefore: ReadonlySet<string>,
  ) {}

  static async start(): Promise<PrivateMachine> {
    const madeDirs = MACHINE_DIRECTORIES.filter((dir) => !existsSync(dir));
    for (const dir of madeDirs) mkdirSync(dir, { recursive: true });
    const cgroupsBefore = new Set(engineCgroups());
    const flags = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child', '--propagation=private'];
    const holder = spawn('unshare', [...flags, 'sh', '-c', FIRST_PROCESS], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [holder.stdout, holder.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    await waitFor(() => {
      if (holder.exitCode !== null) throw new Error(`unshare: status ${holder.exitCode}: ${output}`);
      return output.includes('ready\n');
    }, 'the namespaces');
    const first = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());
    return new PrivateMachine(holder, first, madeDirs, cgroupsBefore);
  }

  /** Runs a program inside, with the given environment only. */
  run([program, ...args]: readonly [string, ...string[]], options: RunOptions = {}): Outcome {
    const { env = {}, user, input = '', timeout = 120_000 } = options;
    const become = user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', user, '--init-groups', '--'];
    const done = spawnSync('nsenter', ['-t', String(this.first), '-m', '-p', '--', ...become, program, ...args], {
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env },
      input,
      timeout,
      encoding: 'latin1',
      maxBuffer: 64 << 20,
    });
    if (done.error !== undefined) throw done.error;
    return { status: done.status, stdout: done.stdout, stderr: done.stderr };
  }

  /** Gives a user subordinate ids inside the namespace (man subuid(5)). */
  addSubordinateIds(user: string): void {
    for (const file of ['/etc/subuid', '/etc/subgid']) {
      const script = 'mkdir -p /run/etc; echo "$1:300000:65536" > "/run$2"; mount --bind "/run$2" "$2"';
      const { status, stderr } = this.run(['sh', '-ec', script, 'sh', user, file]);
      if (status !== 0) throw new Error(`${file}: ${stderr}`);
    }
  }

  /** As {@link run}, for a program that can call a server in this process. */
  runAsync(command: readonly [string, ...string[]], options: Pick<RunOptions, 'env'> = {}): Promise<Outcome> {
    const enter = ['-t', String(this.first), '-m', '-p', '--', ...command];
    const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...options.env };
    return new Promise((resolve, reject) => {
      const how = { env, timeout: 120_000, encoding: 'latin1', maxBuffer: 64 << 20 } as const;
      const child = execFile('nsenter', enter, how, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve({ status: child.exitCode, stdout, stderr });
      });
      child.stdin?.end();
    });
  }

  /** Returns the path from outside of a file in the namespace, mounts included. */
  path(path: string): string {
    return join(`/proc/${this.first}/root`, path);
  }

  /** Returns all mountpoints. */
  mounts(): string[] {
    const lines = readFileSync(`/proc/${this.first}/mountinfo`, 'utf8').trimEnd().split('\n');
    return lines.map((line) => line.split(' ')[4] ?? '');
  }

  /** Returns all processes except the first one and zombies. */
  processes(): MachineProcess[] {
    return readdirSync(this.path('/proc'))
      .filter((name) => /^\d+$/.test(name) && name !== '1')
      .map((name) => ({ pid: Number(name), command: this.commandOf(name) }))
      .filter(({ command }) => command !== '');
  }

  /** Returns the paths of the open files of a process. */
  descriptors(pid: number): string[] {
    return [...openFilesOf(pid, this.path('/proc')).values()];
  }

  /**
   * Kills the first process. The kernel then kills all processes of the namespace and unmounts its mounts.
   */
  async end(): Promise<void> {
    if (this.holder.exitCode === null && this.holder.signalCode === null) process.kill(this.first, 'SIGKILL');
    await waitFor(() => this.holder.exitCode !== null || this.holder.signalCode !== null, 'the namespaces to end');
    for (const dir of engineCgroups().filter((path) => !this.cgroupsBefore.has(path))) removeCgroup(dir);
    for (const dir of this.madeDirs) rmdirSync(dir);
  }

  private commandOf(pid: string): string {
    try {
      return readFileSync(this.path(`/proc/${pid}/cmdline`), 'utf8')
        .split('\0')
        .filter(Boolean)
        .join(' ');
    } catch {
      return ''; // ENOENT, ESRCH: the process has ended
    }
  }
}

/** Returns the cgroups that engines make in each hierarchy, and leave there. */
function engineCgroups(): string[] {
  const root = '/sys/fs/cgroup';
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .flatMap((hierarchy) => ENGINE_CGROUPS.map((name) => join(root, hierarchy, name)))
    .filter((path) => existsSync(path));
}

function removeCgroup(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(dir, entry.name));
  }
  rmdirSync(dir);
}
