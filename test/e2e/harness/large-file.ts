/** Files that take a while to copy up. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import * as sys from '../../harness/sys/index.js';

/** Fills a file without holes; each block of 1 MiB says where it is. */
export function fillLarge(path: string, bytes: number): void {
  const fd = sys.open(path, sys.O_CREAT | sys.O_WRONLY | sys.O_TRUNC);
  const block = Buffer.alloc(1 << 20);
  for (let at = 0; at < bytes; at += block.length) {
    block.fill(`block at ${at} `);
    sys.pwrite(fd, block, at);
  }
  sys.close(fd);
}

/** A process that opens `path` for appending, which copies it up, and writes nothing. */
export function startCopyUp(path: string): ChildProcess {
  return spawn('sh', ['-c', ': >> "$1"', 'sh', path], { stdio: 'ignore' });
}

/**
 * Whether the server has a file of some data open below the work directory: a copy in the making, which has a name
 * there or none at all (O_TMPFILE).
 */
export function copyUpStarted(server: ChildProcess, base: string, work = join(base, 'work')): boolean {
  const fds = `/proc/${server.pid}/fd`;
  return readdirSync(fds).some((fd) => {
    try {
      if (!readlinkSync(join(fds, fd)).startsWith(work)) return false;
      return sys.isRegular(sys.stat(join(fds, fd)).mode) && sys.stat(join(fds, fd)).size > 0;
    } catch (error) {
      // Closed since it was listed.
      if (error instanceof sys.SysError || (error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  });
}

/** Whether the two files hold the same bytes. */
export function sameContent(one: string, two: string): boolean {
  return readFileSync(one).equals(readFileSync(two));
}
