/** Runs a program that must succeed. */
import { spawnSync } from 'node:child_process';

/**
 * Returns its stderr, and throws if the program fails. Its stdout is not a pipe: a daemon that it starts
 * would keep a pipe open.
 */
export function runProgram(program: string, args: readonly string[], env = process.env): string {
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, stdio: [...stdio], env });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${done.status}: ${done.stderr.trim()}`);
  return done.stderr;
}
