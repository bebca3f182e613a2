/** Slows down a server's close(2) of its layers, so that a test can see whether a program waits for it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { openFilesOf } from '../../harness/machine/processes.js';
import { TRANSPORT, waitFor } from '../../harness/mounts.js';

/**
 * True: {@link slowDown} cannot be used, because strace is missing, or because the transport's server does
 * not wait for its layers.
 */
export const cannotSlowDown = spawnSync('strace', ['-V']).error !== undefined || TRANSPORT === 'fuse-native';

/** Delays each close(2) of the process, until the caller kills the returned tracer. */
export async function slowDown(pid: number, milliseconds = 40): Promise<ChildProcess> {
  const slowly = ['-f', '-qq', '-e', 'trace=close', '-e', `inject=close:delay_enter=${milliseconds}000`];
  const tracer = spawn('strace', [...slowly, '-o', '/dev/null', '-p', `${pid}`], { stdio: 'ignore' });
  const isTraced = (): boolean => /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  await waitFor(isTraced, 'the tracer');
  return tracer;
}

/**
 * Whether the server `pid` has a directory of the layers open; false if it has ended. The root of a layer's
 * own mount is shown as `/`.
 */
export function holdsLayers(pid: number): boolean {
  try {
    return [...openFilesOf(pid).values()].some((path) => path === '/' || /\/(?:lower|upper|work)\b/.test(path));
  } catch (error) {
    // ENOENT: the process ended before the listing.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || existsSync(`/proc/${pid}`)) throw error;
    return false;
  }
}
