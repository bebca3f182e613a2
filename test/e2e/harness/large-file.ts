/** Files whose copy-up takes a while. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as sys from '../../harness/sys/index.js';

/** Fills a file without holes. Each block of 1 MiB contains its offset. */
export function fillLarge(path: string, bytes: number): void {
  const fd = sys.open(path, sys.O_CREAT | sys.O_WRONLY | sys.O_TRUNC);
  const block = Buffer.alloc(1 << 20);
  for (let at = 0; at < bytes; at += block.length) {
    block.fill(`block at ${at} `);
    sys.pwrite(fd, block, at);
  }
  sys.close(fd);
}

/** Starts a process that opens `path` for appending, which copies the file up, and writes nothing. */
export function startCopyUp(path: string): ChildProcess {
  return spawn('sh', ['-c', ': >> "$1"', 'sh', path], { stdio: 'ignore' });
}

/**
 * Whether a copy has begun: the server has a non-empty file open for writing on the file system of the work
 * directory. The file has a name there or none (O_TMPFILE). Its path begins at the server's own mount of the
 * layers.
 */
export function copyUpStarted(
  server: { readonly pid?: number | undefined },
  base: string,
  work = join(base, 'work'),
): boolean {
  const { dev } = statSync(work);
  return readdirSync(`/proc/${server.pid}/fd`).some((fd) => {
    try {
      const stat = statSync(`/proc/${server.pid}/fd/${fd}`);
      return stat.isFile() && stat.size > 0 && stat.dev === dev && isWritable(server.pid, fd);
    } catch (error) {
      // ENOENT: the fd was closed after the listing.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  });
}

function isWritable(pid: number | undefined, fd: string): boolean {
  const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
  const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? '', 8);
  return (flags & sys.O_ACCMODE) !== sys.O_RDONLY;
}

/** Whether the two files have the same content. */
export function sameContent(one: string, two: string): boolean {
  return readFileSync(one).equals(readFileSync(two));
}
