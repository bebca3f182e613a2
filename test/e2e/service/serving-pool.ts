/** A child process whose pool of threads serves mounts, without the front of the service. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MountStatus, PoolStatus } from '../../../src/service/order/mount-order.js';
import { overlayOptions, waitFor } from '../../harness/mounts.js';
import type { LayerDirs } from '../../harness/scratch.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/service/pool.mjs', import.meta.url));

export interface PoolEvent {
  readonly id?: number;
  readonly event?: string;
  readonly answer?: string;
  readonly value?: unknown;
  readonly error?: string;
}

export interface Caller {
  /** The process in whose place the mount is made. */
  readonly pid?: number;
  readonly cwd?: string;
  /** The caller mounts on this directory itself, and passes the fd of /dev/fuse. */
  readonly given?: string;
}

export class PoolProcess {
  readonly events: PoolEvent[] = [];
  readonly process: ChildProcess;
  private nextId = 1;

  /** @param user runs the process; undefined: root */
  constructor(user?: { readonly uid: number; readonly gid: number }) {
    this.process = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'], ...user });
    const { stdout } = this.process;
    if (stdout === null) throw new Error('the pool has no stdout');
    createInterface({ input: stdout }).on('line', (line) => this.events.push(JSON.parse(line) as PoolEvent));
  }

  /** Starts a mount, and returns its id. */
  begin(layers: LayerDirs, extra: readonly string[] = [], caller: Caller = {}): number {
    return this.beginWith([overlayOptions(layers, extra)], layers.mountpoint, caller);
  }

  beginWith(options: readonly string[], mountpoint: string, caller: Caller = {}): number {
    const id = this.nextId++;
    const what = { options, foreground: false, debug: false, dialect: 'overlay', mountpoint, form: 'plyfs' };
    this.send({ call: 'mount', id, what, ...caller });
    return id;
  }

  async mount(layers: LayerDirs, extra: readonly string[] = [], caller: Caller = {}): Promise<number> {
    const id = this.begin(layers, extra, caller);
    const { event, value } = await this.next(id, ['ready', 'refused']);
    if (event === 'refused') throw new Error((value as { message: string }).message);
    return id;
  }

  /** The first event of the mount that has one of these names. */
  async next(id: number, names: readonly string[]): Promise<PoolEvent> {
    return await this.find((event) => event.id === id && names.includes(event.event ?? ''), names.join(' or '));
  }

  lines(id: number): unknown[] {
    return this.events.filter((event) => event.id === id && event.event === 'line').map(({ value }) => value);
  }

  /** Resolves with the error, or null. */
  async unmount(id: number, { lazy = false } = {}): Promise<string | null> {
    const { error = null } = await this.call({ call: 'unmount', id, lazy });
    return error;
  }

  async status(): Promise<PoolStatus> {
    return (await this.call({ call: 'status' })).value as PoolStatus;
  }

  async statusOf(id: number): Promise<MountStatus> {
    const found = (await this.status()).mounts.find((mount) => mount.id === id);
    if (found === undefined) throw new Error(`no mount ${id}`);
    return found;
  }

  /** Ends the process after its mounts. */
  async stop(): Promise<void> {
    await this.call({ call: 'stopAll' });
    await this.call({ call: 'close' });
    this.process.stdin?.end();
    await waitFor(() => this.process.exitCode !== null || this.process.signalCode !== null, 'the pool to end');
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  /** Gives an order, and resolves with its answer. */
  async call(order: { readonly call: string; readonly [name: string]: unknown }): Promise<PoolEvent> {
    const from = this.events.length;
    this.send(order);
    return await this.find(({ answer }) => answer === order.call, `the answer to ${order.call}`, from);
  }

  /** The open files of the process, by their number. */
  openFiles(): Map<number, string> {
    const directory = `/proc/${this.process.pid}/fd`;
    const files = new Map<number, string>();
    for (const name of readdirSync(directory)) {
      try {
        files.set(Number(name), readlinkSync(`${directory}/${name}`));
      } catch (error) {
        // ENOENT: it was closed after the listing.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return files;
  }

  threads(): number {
    return readdirSync(`/proc/${this.process.pid}/task`).length;
  }

  /** The resident private memory in KiB. */
  privateMemory(): number {
    const text = readFileSync(`/proc/${this.process.pid}/smaps_rollup`, 'latin1');
    const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
    return of('Private_Clean') + of('Private_Dirty');
  }

  private send(order: object): void {
    this.process.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  private async find(matches: (event: PoolEvent) => boolean, what: string, from = 0): Promise<PoolEvent> {
    await waitFor(() => this.events.slice(from).some(matches) || this.process.exitCode !== null, what);
    const found = this.events.slice(from).find(matches);
    if (found === undefined) throw new Error(`the pool has ended with status ${this.process.exitCode}`);
    return found;
  }
}
