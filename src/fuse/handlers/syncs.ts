/** Requests that write a file or a directory to disk. */

import { waitForSync } from '../../sys/files/file-io.js';
import type { SyncFd } from '../operations.js';
import { FSYNC_FDATASYNC } from '../wire/abi.js';
import { FsyncIn } from '../wire/request-structs.js';
import { type Exchange, NO_REPLY_YET } from './exchange.js';

export function fsync(exchange: Exchange): number {
  return serveSync(exchange, 'fsync');
}

export function fsyncdir(exchange: Exchange): number {
  return serveSync(exchange, 'fsyncdir');
}

/** Waits for the disk, unless other mounts would wait too. */
function serveSync(exchange: Exchange, method: 'fsync' | 'fsyncdir'): number {
  const { request, operations, backgroundSync } = exchange;
  request.expectBody(FsyncIn.sizeof);
  const datasync = (request.u32(FsyncIn.fsync_flags) & FSYNC_FDATASYNC) !== 0;
  if (backgroundSync === null || !backgroundSync.isNeeded) {
    operations[method](request.nodeid, datasync);
    return 0;
  }
  let hasStarted = false;
  const syncFd: SyncFd = (fd, onlyData) => {
    hasStarted = backgroundSync.start(fd, onlyData, request.unique);
    if (!hasStarted) waitForSync(fd, onlyData);
  };
  operations[method](request.nodeid, datasync, syncFd);
  return hasStarted ? NO_REPLY_YET : 0;
}
