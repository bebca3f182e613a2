/** Files that take a while to copy up. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
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
 * Whether the server has a file of some data open for writing on the file system of the work directory: a
 * copy in the making. It has a name there or none at all (O_TMPFILE), and its path begins at the server's own
 * mount of the layers.
 */
export function copyUpStarted(server: ChildProcess, base: string, work = join(base, 'work')): boolean {
  const { dev } = statSync(work);
  return readdirSync(`/proc/${server.pid}/fd`).some((fd) => {
    try {
      const stat = statSync(`/proc/${server.pid}/fd/${fd}`);
      return stat.isFile() && stat.size > 0 && stat.dev === dev && isWritable(server, fd);
    } catch (error) {
      // ENOENT: closed since it was listed.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  });
}

function isWritable(server: ChildProcess, fd: string): boolean {
  const info = readFileSync(`/proc/${server.pid}/fdinfo/${fd}`, 'latin1');
  const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '', 8);
  return (flags & sys.O_ACCMODE) !== sys.O_RDONLY;
}

/** Whether the two files hold the same bytes. */
export function sameContent(one: string, two: string): boolean {
  return readFileSync(one).equals(readFileSync(two));
}
