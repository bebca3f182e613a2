/** Ends the copy-ups whose data helper threads have copied. */
import { displayName } from '../../core/entry-name.js';
import { Errno, FsError } from '../../core/errno.js';
import type { CopyJob } from '../state/copy-jobs.js';
import type { Union } from '../state/union.js';

/**
 * Publishes the copies whose data is complete. Returns the keys of all jobs that have ended, failed ones
 * included.
 * @param isAwaited whether a request still waits for a key; if none does, the error of the job is dropped
 */
export function finishJobs(union: Union, isAwaited: (key: number) => boolean): number[] {
  return union.jobs.takeFinished().map(({ job, errno }) => {
    const failure = errno !== 0 ? errno : finishJob(union, job);
    if (errno !== 0) job.filling.abandon();
    if (failure !== 0 && isAwaited(job.key)) union.jobs.fail(job.node, failure);
    union.nodes.release(job.node);
    return job.key;
  });
}

/** Returns 0, or the errno with which the publication of the copy failed. */
function finishJob(union: Union, job: CopyJob): number {
  try {
    job.complete();
    return 0;
  } catch (error) {
    if (error instanceof FsError) return error.errno;
    // No request is being served that could fail with this error. The requests that wait for the copy do.
    union.log(`copy-up of ${displayName(job.node.name)} failed, waiting requests get EIO: ${String(error)}`);
    return Errno.EIO;
  }
}
