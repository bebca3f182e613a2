/** The fds of this process that its mounts share. */
import { maxOpenFiles, reserveOf } from '../../union/fd-shares.js';
import { FdPool } from '../../union/layers/fd-pool.js';

export { FdPool };

/** Makes a pool of all fds of this process but a reserve. */
export function makeFdPool(): FdPool {
  const limit = maxOpenFiles();
  return FdPool.make(limit - reserveOf(limit));
}
