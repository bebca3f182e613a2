/** A bound for system calls that may never return: a mount that hangs must fail its test, not hold it up. */
import { spawn } from 'node:child_process';
import { lstat } from '../../harness/sys/attributes.js';

/**
 * Runs `body`; after `seconds` its calls into the mount fail with ECONNABORTED. From a process of its own,
 * because the test's own may be stuck in one.
 */
export function withDeadline<T>(mountpoint: string, seconds: number, body: () => T): T {
  const minor = lstat(mountpoint).dev.split(':')[1];
  const script = `sleep ${seconds}; echo 1 > /sys/fs/fuse/connections/${minor}/abort`;
  const guard = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  try {
    return body();
  } finally {
    // Its group: the sleep goes with the shell.
    if (guard.pid !== undefined && guard.exitCode === null) process.kill(-guard.pid);
  }
}
