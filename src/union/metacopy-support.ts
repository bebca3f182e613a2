/** Whether the upper's file system can say of a copy that its data is in another layer. */
import { openUnnamed } from '../copyup/staged-file.js';
import { FsError, isErrno } from '../core/errno.js';
import { close } from '../sys/open.js';
import type { Dialect } from '../whiteout/dialect.js';
import type { WorkDirectory } from '../whiteout/work-directory.js';

/**
 * Whether copies are to be left without their data: it is asked for (`metacopy=on`), and the upper takes the attribute that says so;
 * the log says where it does not (fs/overlayfs/super.c:ovl_make_workdir).
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
    // A full disk, or one that fails, is no reason: each copy-up will say that of itself.
    if (!isErrno(error, 'EOPNOTSUPP')) return true;
    log("metacopy=on: files are copied up whole: the upper's file system has no such extended attributes");
    return false;
  }
  return true;
}
