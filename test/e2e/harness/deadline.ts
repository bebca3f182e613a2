/** A time limit for system calls that can block forever, so that a hanging mount fails its test. */
import { abortConnectionAfter } from '../../harness/mounts.js';

/** Runs `body`. After `seconds`, its calls into the mount fail with ECONNABORTED. */
export function withDeadline<T>(mountpoint: string, seconds: number, body: () => T): T {
  const cancelAbort = abortConnectionAfter(mountpoint, seconds);
  try {
    return body();
  } finally {
    cancelAbort();
  }
}
