/** `plyfs umount`. */
import { realpathSync } from 'node:fs';
import { Errno, isErrno } from '../../core/errno.js';
import { openServerEnd, waitForServerEnd } from '../../fuse/control/server-end.js';
import { HelperError } from '../../fuse/mount/mount-request.js';
import { requestPseudoLinkFlush } from '../../fuse/mount/request-flush.js';
import { type UnmountOptions, unmount } from '../../fuse/mount/unmount.js';
import { asMountError, errnoOf, MountError, printable } from '../../server/config/mount-error.js';
import type { PathRule } from '../../service/order/path-rule.js';
import { close } from '../../sys/files/open.js';
import { mountedId } from '../../sys/locks/mount-mark.js';
import { type MountEntry, mountedOn } from '../../sys/mountinfo.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import type { UmountArguments } from '../syntax/umount-syntax.js';

/** How long a server on a busy machine may need to close its layers, in milliseconds. */
const ENDING_MS = 10_000;

/** Unmounts. Returns the exit status. */
export function commandUmount({ mountpoint, lazy }: UmountArguments, paths: PathRule): number {
  try {
    paths.check({ mountpoint });
    const path = resolve(mountpoint);
    const entry = mountedOn(path);
    requireFuse(entry, mountpoint);
    // A lazy unmount is for a mount that hangs, so it waits for nothing. The server flushes pseudo-links when
    // the last file is closed.
    if (lazy) {
      unmountFuse(path, entry, { lazy });
      return OK;
    }
    const flushFailure = flushPseudoLinks(path);
    unmountAndWait(path, entry);
    // Reported only now: if the unmount is refused, the server can still flush them later.
    if (flushFailure !== null) printMessage(flushFailure.message);
    return OK;
  } catch (error) {
    printMessage(asMountError(error, 'umount').message);
    return FAILURE;
  }
}

/**
 * Makes `path` absolute, without symlinks. It does not stat the last component, because that fails on a mount
 * whose server has died.
 */
function resolve(path: string): string {
  const [, parent = '', name = ''] = /^(.*?)([^/]*)\/*$/s.exec(path) ?? [];
  try {
    if (name === '' || name === '.' || name === '..') return realpathSync.native(Buffer.from(path, 'latin1'), 'latin1');
    const directory = realpathSync.native(Buffer.from(parent === '' ? '.' : parent, 'latin1'), 'latin1');
    return followSymlink(directory === '/' ? `/${name}` : `${directory}/${name}`);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw MountError.of({ what: 'umount', where: path, errno });
  }
}

/** Resolves a symlink at the end of `path`. A mountpoint is not touched, because its server may be dead. */
function followSymlink(path: string): string {
  if (mountedOn(path) !== undefined) return path;
  return realpathSync.native(Buffer.from(path, 'latin1'), 'latin1');
}

/** Refuses a directory on which no FUSE file system is mounted. */
function requireFuse(entry: MountEntry | undefined, where: string): asserts entry is MountEntry {
  if (entry === undefined) {
    throw MountError.of({ what: 'umount', where, why: 'nothing is mounted there', errno: Errno.EINVAL });
  }
  if (entry.type === 'fuse' || entry.type.startsWith('fuse.')) return;
  throw MountError.of({
    what: 'umount',
    where,
    why: `not a FUSE mount, but ${entry.type}`,
    errno: Errno.EINVAL,
    advice: 'use umount(8)',
  });
}

/**
 * Asks the server to flush its pseudo-links. A failure loses nothing and does not prevent the unmount, so it
 * is returned.
 */
function flushPseudoLinks(path: string): MountError | null {
  try {
    requestPseudoLinkFlush(path);
    return null;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const why = 'not all hard links could be made in the upper; the next mount with -t aufs shows them';
    return MountError.of({ what: 'umount', where: path, why, errno });
  }
}

/**
 * Unmounts, and waits until the server has closed its layers: their file systems can then be unmounted too.
 */
function unmountAndWait(path: string, entry: MountEntry): void {
  const { device } = entry;
  const end = openServerEnd(path);
  const id = mountedId(device);
  try {
    unmountFuse(path, entry, { lazy: false });
    // It is still mounted on another directory or in another namespace, so its server does not end.
    if (id !== null && mountedId(device) === id) return;
    if (end >= 0 && !waitForServerEnd(end, ENDING_MS)) {
      printMessage(
        `umount: ${printable(path)}: unmounted, but its server has not ended yet; its layers can be busy for a while`,
      );
    }
  } finally {
    if (end >= 0) close(end);
  }
}

/** Unmounts, and explains the usual failures. */
function unmountFuse(path: string, entry: MountEntry, options: UnmountOptions): void {
  try {
    unmount(path, options);
  } catch (error) {
    if (error instanceof HelperError) throw refusalForOtherUser(path, entry) ?? error;
    if (!isErrno(error, 'EBUSY')) throw error;
    throw MountError.of({
      what: 'umount',
      where: path,
      why: 'in use',
      errno: Errno.EBUSY,
      advice: 'end the processes that use it (see fuser -m), or detach it with --lazy',
    });
  }
}

/**
 * The refusal for a mount of another user: fusermount3 claims that such a mount does not exist. Undefined:
 * the mount belongs to the user of this process.
 */
function refusalForOtherUser(path: string, { fileSystemOptions }: MountEntry): MountError | undefined {
  const user = fileSystemOptions.find((option) => option.startsWith('user_id='))?.slice('user_id='.length);
  if (user === undefined || Number(user) === process.getuid?.()) return undefined;
  const [why, advice] =
    user === '0'
      ? ['mounted by root', 'only root can unmount it']
      : ['mounted by another user', 'only that user and root can unmount it'];
  return MountError.of({ what: 'umount', where: path, why, errno: Errno.EPERM, advice });
}
