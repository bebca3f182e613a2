/** Starts programs; a failure is a Refusal. */
import { spawnSync } from 'node:child_process';

/** An error for the user, printed without a stack trace. */
export class Refusal extends Error {}

/** Runs a program and returns its output. If it fails, throws a Refusal with its output. */
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
 * Runs a test program with a time limit and returns its outcome; a failure is no error. The program has a
 * process group of its own, which `timeout` kills at the limit; it returns 137 then.
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
