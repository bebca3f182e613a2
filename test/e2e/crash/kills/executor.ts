/**
 * Processes that serve a union without a mount, and that can be killed at a chosen system call
 * (test/fixtures/kills).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const fixture = (name: string): string => fileURLToPath(new URL(`../../../fixtures/kills/${name}`, import.meta.url));

/** A method of KernelStandIn in the fixture, and its arguments. */
export type Step = readonly [call: string, ...args: (string | number | boolean)[]];

/** `UnionConfig` without the log function. */
export interface Config {
  readonly lowers: readonly string[];
  readonly upper?: string;
  readonly work?: string;
  readonly volatile: boolean;
  readonly volatileMark?: boolean;
  readonly aufs?: object;
  readonly overlay?: object;
}

export interface RunOrder {
  readonly config: Config;
  readonly setup?: readonly Step[];
  readonly steps?: readonly Step[];
  readonly countedPhase?: 'mount' | 'steps' | 'unmount';
  /** The counted call before which the process dies. 0: it does not die. */
  readonly at?: number;
  /** True: the thread that copies large files dies, and its calls are counted. */
  readonly copyThread?: boolean;
  /** True: copies are synced while other requests are served, as in a thread that has several mounts. */
  readonly syncsInBackground?: boolean;
}

export interface RunAnswer {
  /** The names of the counted calls. */
  readonly calls: readonly string[];
  /** How many copies were synced in the background. */
  readonly syncCount: number;
}

export interface ViewOrder {
  readonly config: Config;
  /** The directory of unfinished changes. */
  readonly work: string;
  /** Steps to make after the tree was read. */
  readonly later: readonly Step[];
}

export interface View {
  readonly tree: Readonly<Record<string, string>>;
  /** The names in the directory of unfinished changes while the union is mounted. */
  readonly work: readonly string[];
}

class Executor {
  readonly process: ChildProcess;
  private errors = '';
  private ended = false;
  private answered: (line: string | null) => void = () => {};

  constructor() {
    const args = ['--import', fixture('kill-switch.mjs'), fixture('executor.mjs')];
    this.process = spawn(process.execPath, args, { stdio: 'pipe' });
    let answers = '';
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      answers += text;
      const end = answers.indexOf('\n');
      if (end < 0) return;
      const line = answers.slice(0, end);
      answers = answers.slice(end + 1);
      this.answered(line);
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.process.on('close', () => {
      this.ended = true;
      this.answered(null);
    });
    // An order can be written after the process has ended. `close` reports the end.
    this.process.stdin?.on('error', () => {});
  }

  /**
   * Sends an order and returns the answer, or null if the process was killed. Throws if it ends otherwise.
   */
  async order<T>(order: object): Promise<T | null> {
    const line = await new Promise<string | null>((resolve) => {
      this.answered = resolve;
      if (this.ended) resolve(null);
      else this.process.stdin?.write(`${JSON.stringify(order)}\n`);
    });
    if (line === null) {
      if (this.process.signalCode === 'SIGKILL') return null;
      throw new Error(`the executor ended with ${this.process.exitCode ?? this.process.signalCode}: ${this.errors}`);
    }
    const answer = JSON.parse(line) as T & { readonly error?: string };
    if (answer.error !== undefined) throw new Error(`${answer.error}\n${JSON.stringify(order)}`);
    return answer;
  }

  end(): Promise<unknown> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return Promise.resolve();
    const ended = once(this.process, 'close');
    this.process.stdin?.end();
    return ended;
  }
}

/**
 * One executor that lives as long as the test, and one that is started ahead of the next kill, because a
 * start takes longer than all its work. A simulated death happens in the former.
 */
export class Executors {
  private readonly persistent = new Executor();
  private next: Executor | null = null;

  view(order: ViewOrder): Promise<View> {
    return this.send<View>({ do: 'view', ...order });
  }

  run(order: RunOrder): Promise<RunAnswer> {
    return this.send<RunAnswer>({ do: 'run', ...order });
  }

  /** Runs an order with a simulated death. Returns false if the order took too few calls to die. */
  async simulateKill(order: RunOrder): Promise<boolean> {
    return (await this.send<{ dead: boolean }>({ do: 'simulateKill', ...order })).dead;
  }

  /**
   * Runs an order in a process that kills itself with SIGKILL. Returns false if the order took too few calls.
   */
  async kill(order: RunOrder): Promise<boolean> {
    const victim = this.next ?? new Executor();
    this.next = new Executor();
    const killed = (await victim.order<RunAnswer>({ do: 'run', ...order })) === null;
    await victim.end();
    return killed;
  }

  async end(): Promise<void> {
    await Promise.all([this.persistent.end(), this.next?.end()]);
  }

  private async send<T>(order: object): Promise<T> {
    const answer = await this.persistent.order<T>(order);
    if (answer === null) throw new Error('an unknown process has killed the executor');
    return answer;
  }
}
