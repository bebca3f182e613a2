/**
 * Processes that serve a union without a mount and can be told to die in the middle (test/fixtures/kills).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const fixture = (name: string): string => fileURLToPath(new URL(`../../../fixtures/kills/${name}`, import.meta.url));

/** A call of the actor in the fixture, and its arguments. */
export type Step = readonly [call: string, ...args: (string | number | boolean)[]];

/** `UnionConfig`, but for the log. */
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
  readonly armed?: 'mount' | 'steps' | 'unmount';
  /** Before which counted call to die; 0: before none. */
  readonly at?: number;
  /** It is the thread that copies large files that is to die, and the calls of that are counted. */
  readonly helper?: boolean;
}

export interface RunAnswer {
  /** Names of the calls that were counted. */
  readonly calls: readonly string[];
}

export interface ShowOrder {
  readonly config: Config;
  /** The directory of unfinished changes. */
  readonly work: string;
  /** Made when all has been looked at. */
  readonly later: readonly Step[];
}

export interface Shown {
  readonly tree: Readonly<Record<string, string>>;
  /** What lies in the directory of unfinished changes while the union is mounted. */
  readonly work: readonly string[];
}

class Executor {
  readonly process: ChildProcess;
  private errors = '';
  private ended = false;
  private answered: (line: string | null) => void = () => {};

  constructor() {
    const args = ['--import', fixture('switch.mjs'), fixture('executor.mjs')];
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
    // Written to after its end, which is told by `close`.
    this.process.stdin?.on('error', () => {});
  }

  /** null: it was killed, as it was told to be. Anything else that ends it is an error. */
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
 * One executor that lives, and one that waits to be killed: starting one takes longer than all it does. A
 * server for show dies in the one that lives.
 */
export class Executors {
  private readonly steady = new Executor();
  private next: Executor | null = null;

  show(order: ShowOrder): Promise<Shown> {
    return this.steadily<Shown>({ do: 'show', ...order });
  }

  run(order: RunOrder): Promise<RunAnswer> {
    return this.steadily<RunAnswer>({ do: 'run', ...order });
  }

  /** Whether the server died: false if what was ordered took fewer calls. */
  async killForShow(order: RunOrder): Promise<boolean> {
    return (await this.steadily<{ dead: boolean }>({ do: 'runUntilDead', ...order })).dead;
  }

  /** As {@link killForShow}, with SIGKILL. */
  async kill(order: RunOrder): Promise<boolean> {
    const doomed = this.next ?? new Executor();
    this.next = new Executor();
    const killed = (await doomed.order<RunAnswer>({ do: 'run', ...order })) === null;
    await doomed.end();
    return killed;
  }

  async end(): Promise<void> {
    await Promise.all([this.steady.end(), this.next?.end()]);
  }

  private async steadily<T>(order: object): Promise<T> {
    const answer = await this.steady.order<T>(order);
    if (answer === null) throw new Error('somebody else has killed the executor');
    return answer;
  }
}
