/** Whether the upper's file system can hold the mark of a metacopy. */
import { openUnnamed } from '../copyup/staged-file.js';
import { FsError, isErrno } from '../core/errno.js';
import { close } from '../sys/files/open.js';
import type { Dialect } from '../whiteout/dialect.js';
import type { WorkDirectory } from '../whiteout/work/work-directory.js';

/**
 * Whether a change of attributes makes metacopies: with `metacopy=on`, if the upper accepts the xattr that
 * marks them. If it does not, the log names the reason (fs/overlayfs/super.c:ovl_make_workdir).
 */
export function makesMetacopies({ metacopies }: Dialect, work: WorkDirectory, log: (line: string) => void): boolean {
  if (metacopies?.enabled !== true) return false;
  try {
    const { fd, name } = openUnnamed(work);
    try {
      metacopies.mark(fd);
    } finally {
      close(fd);
      if (name !== null) work.discard(name);
    }
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    // Another errno, of a full or failing disk, proves nothing; a copy-up will fail with it.
    if (!isErrno(error, 'EOPNOTSUPP')) return true;
    log("metacopy=on: files are copied up whole: the upper's file system has no such extended attributes");
    return false;
  }
  return true;
}
