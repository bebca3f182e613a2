import { type ExecFileException, execFile } from 'node:child_process';

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a command and returns its standard output as latin1, because names are bytes. The error of a failed
 * command contains its output.
 */
export function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { encoding: 'latin1', maxBuffer: 256 << 20, env: options.env ?? process.env },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(explain([program, ...args], error, stdout, stderr)));
      },
    );
    child.stdin?.end();
  });
}

/** Formats the error. Some arguments are scripts, of which the first line is enough. */
function explain(command: readonly string[], error: ExecFileException, stdout: string, stderr: string): string {
  const words = command.map((word) => word.trim().split('\n', 1)[0]?.slice(0, 200));
  const status = error.signal ?? error.code ?? 'unknown';
  return `${words.join(' ')}: ended with ${status}\n${stdout.slice(-1500)}\n${stderr.slice(-1500)}`;
}
