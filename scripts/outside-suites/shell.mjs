/** Programs that are started, and the one error that their failure is. */
import { spawnSync } from 'node:child_process';

/** What a person has to read: without a stack trace. */
export class Refusal extends Error {}

/** Runs a program and returns its output. Throws a Refusal with what the program has said when it fails. */
export function run(program, args, options = {}) {
  const done = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28, ...options });
  if (done.error) throw new Refusal(`${program}: ${done.error.message}`);
  if (done.status !== 0) {
    const said = `${done.stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
    throw new Refusal(`${program} ${args.join(' ')}: status ${done.status ?? done.signal}: ${said}`);
  }
  return done.stdout;
}

/**
 * Runs a test program with a limit of time and returns what came of it, whatever that is. The program has a process
 * group of its own, which is killed at the limit: `timeout` does that, and returns 137.
 */
export function runTest(program, args, { seconds, ...options }) {
  const limited = ['--kill-after=5', String(seconds), program, ...args];
  const done = spawnSync('timeout', limited, { encoding: 'latin1', maxBuffer: 2 ** 28, ...options });
  if (done.error) throw new Refusal(`${program}: ${done.error.message}`);
  const status = done.status ?? 128;
  return { status, output: `${done.stdout}${done.stderr}`, timedOut: status === 124 || status === 137 };
}

/** Whether PATH, or a directory of system programs, has this one. */
export function hasProgram(name) {
  const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { env: { ...process.env, PATH } }).status === 0;
}
