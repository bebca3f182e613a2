/**
 * What the kernel's overlayfs leaves in a work directory so that the upper is not used again without more
 * care: `work/incompat/FEATURE` (fs/overlayfs/readdir.c:ovl_workdir_cleanup_recurse). A volatile mount leaves
 * one from its beginning, also when it is unmounted, because nobody can know later what reached the disk
 * (fs/overlayfs/super.c:ovl_create_volatile_dirty).
 */
import { displayName } from '../../core/entry-name.js';
import { Errno, type FsError, isErrno } from '../../core/errno.js';
import { isDirectory, S_IFREG } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_RDONLY } from '../../core/flags.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { mkdirAt, mknodAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt, openTrusted } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { CAP_DAC_OVERRIDE, hasCapability } from '../../sys/rights/capabilities.js';

const INCOMPATIBLE = 'incompat';
const VOLATILE = 'volatile';
const DIRTY = 'dirty';

/**
 * @param work an fd of `WORKDIR/work`
 * @param path of WORKDIR, for people
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
    // The kernel makes the directory with mode 0: an ordinary user cannot look into it, but it is there.
    if (!isErrno(error, 'EACCES')) throw error;
    features.push(VOLATILE);
  } finally {
    if (incompat >= 0) close(incompat);
  }
  const [feature] = features;
  if (feature !== undefined) throw refusal(feature, path);
}

/**
 * As {@link refuseIncompatible}, for a mount that does not use the work directory. `path` is bytes, as from a
 * user.
 */
export function refuseIncompatibleAt(path: string): void {
  const parent = openTrusted(path, O_RDONLY | O_DIRECTORY);
  let work = -1;
  try {
    work = openDirectoryAt(parent, 'work');
    refuseIncompatible(work, path);
  } catch (error) {
    // ENOENT: nothing was mounted with it yet. EACCES: of mode 0, for somebody who cannot have mounted it.
    if (error instanceof LayerRefusal || !isErrno(error, 'ENOENT', 'EACCES')) throw error;
  } finally {
    if (work >= 0) close(work);
    close(parent);
  }
}

/**
 * Says that the upper is being changed by a mount that waits for no disk. It is not synced either: a journal
 * that has any change of the upper has this earlier one.
 */
export function markVolatile(work: number): void {
  // As for WORKDIR/work itself: the kernel uses mode 0. It would also lock out the next mount of a server
  // without CAP_DAC_OVERRIDE.
  const mode = hasCapability(CAP_DAC_OVERRIDE) ? 0 : 0o700;
  const incompat = makeDirectory(work, INCOMPATIBLE, mode);
  try {
    const volatile = makeDirectory(incompat, VOLATILE, mode);
    try {
      mknodAt(volatile, DIRTY, S_IFREG | (mode & 0o600), 0);
    } finally {
      close(volatile);
    }
  } finally {
    close(incompat);
  }
}

function makeDirectory(parent: number, name: string, mode: number): number {
  try {
    mkdirAt(parent, name, mode);
  } catch (error) {
    // Empty, and kept from being cleaned away by another mount that uses the work directory.
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return openDirectoryAt(parent, name);
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
