/**
 * Runs tests in namespaces of their own: mounts, users and processes of a run end with it, even if a test
 * hangs. Then the running test has failed, and the rest runs in a new sandbox.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { removeImage } from './images.mjs';
import { Refusal } from './shell.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const INSIDE = fileURLToPath(new URL('inside.mjs', import.meta.url));

/**
 * @param {{ word: string, setupName: string, targetName: string, checkout: string, tests: string[], silence:
 * number, scratch?: string, service?: boolean, onResult: (result: import('./results.mjs').Result) => void }}
 * job `silence` is how many seconds may pass without a result. `service`: the mounts of plyfs are those of a
 * service
 * @returns {Promise<import('./results.mjs').Result[]>} one for each test; after a signal only those so far
 */
export async function runInSandbox(job) {
  const results = [];
  const add = (result) => {
    results.push(result);
    job.onResult(result);
  };
  let left = job.tests;
  while (left.length > 0) {
    const before = results.length;
    const { hung, status, interruption } = await runOnce({ ...job, tests: left }, add);
    const done = new Set(results.map(({ test }) => test));
    left = left.filter((test) => !done.has(test));
    if (left.length === 0 && job.service && status !== 0) throw new Refusal(`${job.word}: the service has faults`);
    if (left.length === 0 || interruption) break;
    if (!hung && results.length === before) throw new Refusal(`${job.word}: the sandbox ended with status ${status}`);
    add({
      test: left[0],
      outcome: 'failed',
      detail: hung ? 'took too long; the sandbox was ended' : 'ended the suite',
    });
    left = left.slice(1);
  }
  return results;
}

/** Runs one sandbox until it ends, or until it has sent no result for too long. */
async function runOnce({ word, setupName, targetName, service, checkout, tests, silence, ...job }, add) {
  const scratch = mkdtempSync(join(job.scratch ?? tmpdir(), 'plyfs-suites-'));
  // Tests become other users, who need to search the directory.
  chmodSync(scratch, 0o755);
  try {
    return await watch(start({ word, setupName, targetName, service, checkout, tests, scratch }), silence, add);
  } finally {
    for (const name of readdirSync(scratch)) if (name.endsWith('.img')) removeImage(join(scratch, name));
    rmSync(scratch, { recursive: true, force: true });
  }
}

function start(order) {
  const namespaces = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child', '--propagation', 'private'];
  // The first process of the namespace is a shell, because it has to wait for orphans. bash would become its
  // last command.
  const shell = ['bash', '-c', '"$0" "$@" <&0; exit $?', process.execPath, INSIDE];
  const child = spawn('unshare', [...namespaces, ...shell], { stdio: ['pipe', 2, 2, 'pipe'] });
  child.stdin.end(JSON.stringify(order));
  return child;
}

/**
 * Passes the results of a sandbox on. `hung`: it was killed because it sent none; `interruption`: the signal
 * that ended it.
 */
async function watch(child, silence, add) {
  const outcome = { hung: false, status: undefined, interruption: undefined };
  const end = () => child.kill('SIGKILL');
  const expect = () =>
    setTimeout(() => {
      outcome.hung = true;
      end();
    }, silence * 1000);
  let timer = expect();
  createInterface({ input: child.stdio[3] }).on('line', (line) => {
    clearTimeout(timer);
    timer = expect();
    add(JSON.parse(line));
  });
  const interrupt = (signal) => {
    outcome.interruption = signal;
    end();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  outcome.status = await new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  clearTimeout(timer);
  for (const signal of SIGNALS) process.off(signal, interrupt);
  return outcome;
}
