import { spawn } from 'node:child_process';

/**
 * @typedef {object} Finished
 * @property {number} seconds From the start to the end of the shell.
 * @property {string} output Its stdout, with `wantsOutput`.
 */

/** The uid and gid of an ordinary user in the benchmark: nobody's. */
export const USER_ID = 65534;
const AS_USER = ['setpriv', `--reuid=${USER_ID}`, `--regid=${USER_ID}`, '--clear-groups', '--'];

/** The command line that runs `argv` as an ordinary user, without supplementary groups. */
export function asUser(argv) {
  return [...AS_USER, ...argv];
}

/**
 * Runs a command. Its output is written to /dev/null unless `wantsOutput`: reading it must not be measured
 * too.
 * @param {string} command
 * @param {{signal: AbortSignal, isUser?: boolean, wantsOutput?: boolean, env?: NodeJS.ProcessEnv}} how
 * @returns {Promise<Finished>}
 */
export function runInShell(command, { signal, isUser = false, wantsOutput = false, env = {} }) {
  const [program, ...args] = isUser ? asUser(['sh', '-c', command]) : ['sh', '-c', command];
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const begin = process.hrtime.bigint();
    // The command has a process group of its own, so that stopping ends all commands of a pipe, and only
    // those.
    const child = spawn(program, args, {
      stdio: ['ignore', wantsOutput ? 'pipe' : 'ignore', 'pipe'],
      detached: true,
      // A language other than English, or a user's settings, would change what sort, ls and git do.
      env: { ...process.env, ...env, LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    });
    const stop = () => process.kill(-child.pid, 'SIGKILL');
    signal.addEventListener('abort', stop);
    const [output, complaints] = [[], []];
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => complaints.push(chunk));
    child.on('error', reject);
    let seconds = 0;
    child.on('exit', () => {
      seconds = Number(process.hrtime.bigint() - begin) / 1e9;
      signal.removeEventListener('abort', stop);
    });
    child.on('close', (status, endedBy) => {
      if (signal.aborted) reject(signal.reason);
      else if (status === 0) resolve({ seconds, output: output.join('') });
      else reject(new Error(`${command}: status ${status ?? endedBy}: ${complaints.join('').trim().slice(0, 500)}`));
    });
  });
}
