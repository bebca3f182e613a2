/**
 * Marks of the kernel's overlayfs in a work directory, `work/incompat/FEATURE`, which prevent a new mount of
 * the upper (fs/overlayfs/readdir.c:ovl_workdir_cleanup_recurse). A volatile mount creates its mark when it
 * begins, and an unmount does not remove it, because it is unknown which data has reached the disk
 * (fs/overlayfs/super.c:ovl_create_volatile_dirty).
 */
import { displayName } from '../../core/entry-name.js';
import { Errno, type FsError, isErrno } from '../../core/errno.js';
import { isDirectory, S_IFREG } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { mknodAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { CAP_DAC_OVERRIDE, hasCapability } from '../../sys/rights/capabilities.js';
import { openOrMake } from './make-directory.js';

const INCOMPATIBLE = 'incompat';
const VOLATILE = 'volatile';
const DIRTY = 'dirty';

/**
 * Throws a {@link LayerRefusal} if the work directory has such a mark.
 * @param work an fd of `WORKDIR/work`
 * @param path of WORKDIR, for the message
 */
export function refuseIncompatible(work: number, path: string): void {
  const stat = new FileStat();
  if (!statAt(work, INCOMPATIBLE, stat) || !isDirectory(stat.mode)) return;
  const features: string[] = [];
  let incompat = -1;
  try {
    incompat = openDirectoryAt(work, INCOMPATIBLE);
    readDirectory(incompat, (name) => features.push(name));
  } catch (error) {
    // The kernel creates the directory with mode 0, so an ordinary user cannot list it.
    if (!isErrno(error, 'EACCES')) throw error;
    features.push(VOLATILE);
  } finally {
    if (incompat >= 0) close(incompat);
  }
  const [feature] = features;
  if (feature !== undefined) throw refusal(feature, path);
}

/**
 * As {@link refuseIncompatible}, for a mount that does not use the work directory `path` (latin1-decoded).
 */
export function refuseIncompatibleAt(path: string): void {
  const parent = openTrusted(path, O_RDONLY | O_DIRECTORY);
  let work = -1;
  try {
    work = openDirectoryAt(parent, 'work');
    refuseIncompatible(work, path);
  } catch (error) {
    // ENOENT: no mount has used it. EACCES: it has mode 0, so this user cannot have mounted it.
    if (error instanceof LayerRefusal || !isErrno(error, 'ENOENT', 'EACCES')) throw error;
  } finally {
    if (work >= 0) close(work);
    close(parent);
  }
}

/**
 * Marks the upper as used by a volatile mount, which never waits for the disk. The mark is not synced either.
 * A journal keeps the order: if a later change is on disk, so is the mark.
 */
export function markVolatile(work: number): void {
  // The directories exist if another mount uses the work directory too.
  // The kernel uses mode 0, as for WORKDIR/work. With that mode the next mount by a server without
  // CAP_DAC_OVERRIDE would fail.
  const mode = hasCapability(CAP_DAC_OVERRIDE) ? 0 : 0o700;
  const incompat = openOrMake(work, INCOMPATIBLE, mode);
  try {
    const volatile = openOrMake(incompat, VOLATILE, mode);
    try {
      mknodAt(volatile, DIRTY, S_IFREG | (mode & 0o600), 0);
    } finally {
      close(volatile);
    }
  } finally {
    close(incompat);
  }
}

function refusal(feature: string, path: string): FsError {
  const mark = `${displayName(path)}/work/${INCOMPATIBLE}/${feature}`;
  if (feature !== VOLATILE) {
    const why = `the upper was used with the feature "${displayName(feature)}", which plyfs does not know (in work/${INCOMPATIBLE})`;
    return new LayerRefusal(Errno.EINVAL, 'workdir', path, why, 'mount it with the program that has used it last');
  }
  return new LayerRefusal(
    Errno.EINVAL,
    'workdir',
    path,
    'the upper was mounted volatile: after a crash of the machine its files may be incomplete',
    `start with a new upperdir and workdir; or, if there was no crash, remove ${mark}`,
  );
}
