/** `plyfs serve` on a private machine, for the engines there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../../../harness/checkout.js';
import { waitFor } from '../../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';
import { type Outcome, run } from '../../harness/sandbox.js';
import type { MachineProcess, PrivateMachine, RunOptions } from '../shared/private-machine.js';

/** The output of `plyfs serve --status --json`, as far as tests need it. */
export interface ServiceStatus {
  readonly supervisor: { readonly pid: number };
  readonly server: { readonly pid: number };
  /** The number of mounts since the server process started. */
  readonly served: number;
  readonly mounts: readonly { readonly mountpoint: string }[];
}

export interface ServiceOptions {
  /** Runs a program as the user of the service, with that user's environment. Default: root. */
  readonly as?: (command: readonly [string, ...string[]], options: RunOptions) => Outcome;
  /** The unit of systemd/ whose ExecStart= starts the service. */
  readonly unit: 'system/plyfs.service' | 'user/plyfs-podman.service';
}

/** The units call plyfs by its name. */
const PATH = { env: { PATH: `${join(CHECKOUT, 'bin')}:${process.env.PATH}` } };

/** A service with its messages in a file. It is in the directory that engines find by themselves. */
export class MachineService {
  private readonly dir = makeScratch('service');
  private readonly logFile = join(this.dir, 'log');
  private pid = 0;

  constructor(
    private readonly machine: PrivateMachine,
    private readonly options: ServiceOptions,
  ) {
    run('chmod', ['1777', this.dir]);
  }

  /** Resolves when the service accepts mounts. */
  async start(): Promise<void> {
    const script = 'log=$1; shift; setsid "$@" >> "$log" 2>&1 < /dev/null & echo $!';
    const command = ['sh', '-c', script, 'sh', this.logFile, ...this.command()] as const;
    const before = this.log();
    this.pid = Number(this.outputOf(this.as(command)));
    await waitFor(() => {
      if (!this.runs()) throw new Error(`the service ended: ${this.log()}`);
      return this.log().slice(before.length).includes('accepts mounts');
    }, 'the service to accept mounts');
  }

  status(): ServiceStatus {
    return JSON.parse(this.outputOf(this.tryStatus())) as ServiceStatus;
  }

  /** Returns its messages about callers that it did not serve. */
  refused(): string[] {
    return this.log()
      .split('\n')
      .filter((line) => /serves itself/.test(line));
  }

  /** Returns the servers of single mounts, which callers start if no service serves them. */
  otherServers(): MachineProcess[] {
    return this.machine.processes().filter(({ command }) => command.startsWith('plyfs /'));
  }

  /** Kills the server process, and waits until the supervisor has started another one. */
  async killServer(): Promise<void> {
    const before = this.status().server.pid;
    this.machine.run(['kill', '-s', 'KILL', String(before)]);
    await waitFor(() => {
      const { status, stdout } = this.tryStatus();
      return status === 0 && (JSON.parse(stdout) as ServiceStatus).server.pid !== before;
    }, 'another server process');
  }

  /** Ends the service and all its mounts as systemd does, by KillMode= of the unit. */
  async stop(): Promise<void> {
    if (!this.runs()) return;
    const { supervisor, server } = this.status();
    const all = unitLine(this.options.unit, 'KillMode') === 'control-group';
    const pids = all ? [this.pid, supervisor.pid, server.pid] : [this.pid];
    this.machine.run(['kill', ...pids.map(String)]);
    await waitFor(() => !this.exists(supervisor.pid) && !this.exists(server.pid), 'the processes to end');
    await waitFor(() => !this.runs(), `the service to end (${this.logFile})`);
  }

  async dispose(): Promise<void> {
    await this.stop();
    removeScratch(this.dir);
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  private runs(): boolean {
    return this.pid !== 0 && this.exists(this.pid);
  }

  private exists(pid: number): boolean {
    return existsSync(this.machine.path(`/proc/${pid}`));
  }

  /** The command that starts the service; with further arguments, it does something else with it. */
  private command(...args: readonly string[]): readonly [string, ...string[]] {
    const [program = '', ...words] = unitLine(this.options.unit, 'ExecStart').split(' ');
    return [program, ...words, ...args];
  }

  private tryStatus(): Outcome {
    return this.as(this.command('--status', '--json'));
  }

  private as(command: readonly [string, ...string[]]): Outcome {
    return this.options.as?.(command, PATH) ?? this.machine.run(command, PATH);
  }

  private outputOf({ status, stdout, stderr }: Outcome): string {
    if (status === 0) return stdout;
    throw new Error(`the service: status ${status}\n${stderr}\n${this.log()}`);
  }
}

function unitLine(unit: string, key: string): string {
  const lines = readFileSync(join(CHECKOUT, 'systemd', unit), 'utf8').split('\n');
  const value = lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
  if (value === undefined) throw new Error(`systemd/${unit} has no ${key}=`);
  return value;
}
