/**
 * A directory of one test, with layers. The program runs in it, and everything is unmounted at the end.
 */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processes, serverOf } from '../../harness/machine/processes.js';
import { PLYFS, TRANSPORT } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program until it has ended and no process holds its stdout and stderr open. */
export function run(program: string, args: readonly string[], options: SpawnSyncOptions = {}): Outcome {
  const done = spawnSync(program, args, { timeout: 60_000, ...options, encoding: 'utf8' });
  if (done.error !== undefined) throw done.error;
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}

export class Sandbox {
  readonly dir = makeScratch('cli');
  readonly mountpoint = join(this.dir, 'mnt');
  /** Makes two lowers with a file each, an upper and a work directory. */
  readonly options =
    `lowerdir=${this.at('top')}:${this.at('base')},upperdir=${this.at('up')},workdir=${this.at('work')}` +
    (TRANSPORT === undefined ? '' : `,transport=${TRANSPORT}`);

  constructor() {
    for (const name of ['top', 'base', 'up', 'work', 'mnt']) mkdirSync(this.at(name));
    this.write('top/from-top', 'top\n');
    this.write('base/from-base', 'base\n');
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  write(name: string, content: string): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
  }

  read(name: string): string {
    return readFileSync(this.at(name), 'utf8');
  }

  /** Runs plyfs with the sandbox as working directory. */
  plyfs(...args: readonly string[]): Outcome {
    return run(PLYFS, args, { cwd: this.dir });
  }

  /** Mounts the layers of {@link options} in the background. */
  mount(): void {
    const { status, stderr } = this.plyfs('-o', this.options, 'mnt');
    if (status !== 0) throw new Error(`plyfs: status ${status}: ${stderr}`);
  }

  isMounted(): boolean {
    return mountpoints().includes(this.mountpoint);
  }

  /** The daemon that serves the mount on {@link mountpoint}. */
  daemon(): number | undefined {
    return serverOf(this.mountpoint);
  }

  /** The pid of a daemon, or of a process that will become one and has not read its settings yet. */
  becomesDaemon(): boolean {
    const starting = (command: string): boolean => / --launcher=\d+ /.test(command) && command.includes(this.dir);
    return this.daemon() !== undefined || processes().some(({ command }) => starting(command));
  }

  /**
   * Unmounts all mounts below the sandbox, ends a daemon that is left in another namespace, and removes the
   * sandbox.
   */
  dispose(): void {
    for (const path of mountpoints().reverse()) {
      if (path.startsWith(`${this.dir}/`)) spawnSync('umount', ['-l', path]);
    }
    const left = this.daemon();
    if (left !== undefined) endProcess(left);
    removeScratch(this.dir);
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // ESRCH: it has just ended.
  }
}

function mountpoints(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ').slice(4, 5));
}
