/** A caller of the service whose steps a test chooses. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ServiceSandbox } from './service-under-test.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/service/caller.sh', import.meta.url));

export class ScriptedCaller {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  /**
   * @param args those of `plyfs`
   * @param how `wrapper`: a command that runs the caller, such as chroot; `base`: PLYFS_SERVICE_DIR
   */
  constructor(
    { dir, env }: ServiceSandbox,
    args: readonly string[],
    { wrapper = [] as readonly string[], program = PROGRAM, base = env.PLYFS_SERVICE_DIR } = {},
  ) {
    const [command = '', ...words] = [...wrapper, program, ...args];
    this.child = spawn(command, words, {
      cwd: dir,
      env: { ...env, PLYFS_SERVICE_DIR: base },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.child;
    if (stdout === null) throw new Error('the caller has no stdout');
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  ask(): void {
    this.step('ask');
  }

  go(): void {
    this.step('go');
  }

  /** Reads the next line of the service's answer. */
  async read(): Promise<string> {
    this.step('read');
    return (await this.lines.next()).value as string;
  }

  /** Asks, and reads the answer `take`. */
  async beTaken(): Promise<void> {
    this.ask();
    const answer = await this.read();
    if (answer !== 'take') throw new Error(`the service answers ${answer}`);
  }

  end(): void {
    this.child.kill('SIGKILL');
  }

  private step(name: string): void {
    this.child.stdin?.write(`${name}\n`);
  }
}
