/**
 * Entries of aufs in the root of a writable branch (fs/aufs/whout.c:au_wh_init). A read-only branch needs
 * none.
 */
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { isDirectory, isRegular, S_IFREG } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { mkdirAt, mknodAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { ORPHAN_DIRECTORY, PLINK_DIRECTORY, WHITEOUT_BASE, WHITEOUT_MODE } from '../aufs-names.js';

const BOOKKEEPING_MODE = 0o700;

/** Creates the missing entries. Throws EIO if one of the names has an object of another type. */
export function prepareBranch(root: number): void {
  ensure(root, WHITEOUT_BASE, isRegular, () => mknodAt(root, WHITEOUT_BASE, S_IFREG | WHITEOUT_MODE, 0));
  for (const name of [PLINK_DIRECTORY, ORPHAN_DIRECTORY]) {
    ensure(root, name, isDirectory, () => mkdirAt(root, name, BOOKKEEPING_MODE));
  }
}

/**
 * Whether the branch has pseudo-links: it is mounted, its server is just ending, or its server was killed.
 */
export function hasPseudoLinks(root: number): boolean {
  const stat = new FileStat();
  if (!statAt(root, PLINK_DIRECTORY, stat) || !isDirectory(stat.mode)) return false;
  const fd = openDirectoryAt(root, PLINK_DIRECTORY);
  try {
    let found = false;
    readDirectory(fd, () => {
      found = true;
    });
    return found;
  } finally {
    close(fd);
  }
}

function ensure(root: number, name: string, isWanted: (mode: number) => boolean, make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const stat = new FileStat();
    if (!statAt(root, name, stat) || !isWanted(stat.mode)) throw fsError(Errno.EIO, name);
  }
}
