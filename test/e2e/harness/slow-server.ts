/** Slows down how a server closes its layers, so that a test sees whether a program waits for it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { TRANSPORT, waitFor } from '../../harness/mounts.js';

/**
 * {@link slowDown} cannot be used: strace is missing, or the transport's server does not wait for its layers.
 */
export const cannotSlowDown = spawnSync('strace', ['-V']).error !== undefined || TRANSPORT === 'fuse-native';

/** Makes the process wait so long before each close(2), until the tracer returned is killed. */
export async function slowDown(pid: number, milliseconds = 40): Promise<ChildProcess> {
  const slowly = ['-f', '-qq', '-e', 'trace=close', '-e', `inject=close:delay_enter=${milliseconds}000`];
  const tracer = spawn('strace', [...slowly, '-o', '/dev/null', '-p', `${pid}`], { stdio: 'ignore' });
  const isTraced = (): boolean => /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  await waitFor(isTraced, 'the tracer');
  return tracer;
}

/**
 * Whether the server `pid` has a directory of the layers open; false when it has ended. The root of a layer's
 * own mount is shown as `/`.
 */
export function holdsLayers(pid: number): boolean {
  const links = (): string[] => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  try {
    return links().some((path) => path === '/' || /\/(?:lower|upper|work)\b/.test(path));
  } catch (error) {
    // Of a process, or an fd, that is gone meanwhile; the latter is asked again.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return existsSync(`/proc/${pid}`) && holdsLayers(pid);
  }
}
