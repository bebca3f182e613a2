/**
 * Copies one object of a layer with all its attributes. If one of them cannot be set, the copy fails; a
 * copy-up tolerates that for some xattrs.
 */
import { cloneData, copyData } from '../../copyup/fill-data.js';
import { FsError } from '../../core/errno.js';
import { isRegular, isSymlink, S_IFMT } from '../../core/file-mode.js';
import { O_CREAT, O_EXCL, O_WRONLY } from '../../core/flags.js';
import { makeDev, mknodAt, readlinkAt, symlinkAt } from '../../sys/files/inode-ops.js';
import { chmodObject, chownObject, copyTimes, type ObjectRef } from '../../sys/files/object-ref.js';
import { close, openAt } from '../../sys/files/open.js';
import { getXattr, setXattr } from '../../sys/files/xattr.js';
import type { LayerObject } from '../../whiteout/layer-form.js';
import { openUntouched } from './open-untouched.js';

/** Returns the name of an xattr in the copy. Null: the xattr is not copied. */
export type XattrTranslation = (name: string) => string | null;

/** Copies an object that is not a directory into the directory `dirfd`, where its name must be free. */
export function copyObject(source: LayerObject, dirfd: number, translate: XattrTranslation): void {
  const { name, stat } = source;
  if (isRegular(stat.mode)) {
    copyFile(source, dirfd, translate);
    return;
  }
  if (isSymlink(stat.mode)) symlinkAt(readlinkAt(source.dirfd, name), dirfd, name);
  else mknodAt(dirfd, name, (stat.mode & S_IFMT) | 0o600, makeDev(stat.rdevMajor, stat.rdevMinor));
  copyAttributes(source, { dirfd, name }, translate);
}

/** Copies a regular file, and shares its blocks if possible. */
function copyFile(source: LayerObject, dirfd: number, translate: XattrTranslation): void {
  const { name, stat } = source;
  const from = openUntouched(source.dirfd, name);
  try {
    const to = openAt(dirfd, name, O_CREAT | O_EXCL | O_WRONLY, 0o600);
    try {
      const { size } = stat;
      if (size > 0 && !cloneData(from, to)) copyData(from, to, size, stat.blocks * 512 < size);
      copyAttributes(source, { dirfd: to, name: '' }, translate);
    } finally {
      close(to);
    }
  } finally {
    close(from);
  }
}

/**
 * Copies owner, xattrs, mode and times, in this order: chown clears set-id bits and capabilities, and an
 * access ACL sets mode bits. The data has been copied before, because that changes mtime.
 */
export function copyAttributes(source: LayerObject, copy: ObjectRef, translate: XattrTranslation): void {
  const { stat } = source;
  chownObject(copy, stat.uid, stat.gid);
  copyXattrs(source, copy, translate);
  if (!isSymlink(stat.mode)) chmodObject(copy, stat.mode & 0o7777);
  copyTimes(stat, copy);
}

/** Copies the xattrs that `translate` gives a name in the copy. */
function copyXattrs(source: LayerObject, copy: ObjectRef, translate: XattrTranslation): void {
  for (const xattr of source.xattrs) {
    const name = translate(xattr);
    const value = name === null ? null : getXattr(source.dirfd, source.name, xattr);
    if (name === null || value === null) continue;
    try {
      setXattr(copy.dirfd, copy.name, name, value);
    } catch (error) {
      // The error names the xattr, so that the user can do something about it.
      throw error instanceof FsError ? new FsError(error.errno, `setxattr ${name}`) : error;
    }
  }
}
