/** A time limit for system calls that can block forever, so that a hanging mount fails its test. */
import { spawn } from 'node:child_process';
import { lstat } from '../../harness/sys/attributes.js';

/**
 * Runs `body`. After `seconds`, another process aborts the mount's connection, and the calls of `body` fail
 * with ECONNABORTED. The test's own process can be blocked in such a call.
 */
export function withDeadline<T>(mountpoint: string, seconds: number, body: () => T): T {
  const minor = lstat(mountpoint).dev.split(':')[1];
  const script = `sleep ${seconds}; echo 1 > /sys/fs/fuse/connections/${minor}/abort`;
  const guard = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  try {
    return body();
  } finally {
    // A signal to the process group ends the shell and its sleep.
    if (guard.pid !== undefined && guard.exitCode === null) process.kill(-guard.pid);
  }
}
