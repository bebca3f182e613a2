/** Decides whether an access to the layers of a mount can wait for another server. */
import { lstatSync, readlinkSync } from 'node:fs';
import { FileStat } from '../../core/file-stat.js';
import { O_NOFOLLOW, O_PATH } from '../../core/flags.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { statFd, statFs } from '../../sys/files/stat.js';

/**
 * Types of file systems whose operations only wait for a disk (man statfs(2)). All others can hang: FUSE and
 * network file systems, and those that are stacked on others, such as overlay.
 */
const LOCAL = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0xe0f5e1e2, // erofs
  0x73717368, // squashfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0x3153464a, // jfs
  0x52654973, // reiserfs
  0x3434, // nilfs
  0x9660, // iso9660
  0x15013346, // udf
  0x4d44, // vfat
  0x2011bab0, // exfat
  0x7366746e, // ntfs3
]);

/** Major numbers of block devices that keep their data in a file or on another machine: loop and nbd. */
const BACKED_BY_OTHERS = new Set([7, 43]);

/** The most symlinks that the kernel follows in one path (linux/namei.h). */
const MAX_SYMLINKS = 40;

const stat = new FileStat();

/**
 * Whether no access to the layers and the mountpoint can wait for another server, the ways to them included:
 * a thread that opens `/merged/tmp/layer` asks the server of `/merged`, and if it is that server itself, it
 * waits forever. Call it in the place of the caller. Throws Node's errors for a path that is missing.
 * @param ownRoot the device of the service's root, see {@link deviceOf}. It counts as local whatever its type
 * is: if it hangs, so does the service
 */
export function areLocal(config: MountConfig, ownRoot: string): boolean {
  const { lowers, upper, work, mountpoint, deviceFd } = config;
  const paths = [...lowers, upper, work].filter((path) => path !== undefined);
  // An access to a mount that the caller has made already would wait for this process.
  if (deviceFd === undefined) paths.push(mountpoint);
  const known = new Set<string>();
  const isLocalPath = (path: string): boolean => {
    for (const directory of wayTo(path)) {
      if (!known.has(directory) && !isLocal(directory, ownRoot)) return false;
      known.add(directory);
    }
    return true;
  };
  // The serving thread enters the root and the working directory too.
  return ['/', '.', ...paths].every(isLocalPath);
}

/** The number of the device that has the directory `path`. */
export function deviceOf(path: string): string {
  const fd = openTrusted(path, O_PATH);
  try {
    statFd(fd, stat);
    return deviceNumber(stat);
  } finally {
    close(fd);
  }
}

/** All directories and symlinks that the kernel passes when it resolves `path`. */
function* wayTo(path: string): Generator<string> {
  const left = namesOf(path);
  let at = path.startsWith('/') ? '/' : '.';
  yield at;
  for (let symlinks = 0; symlinks <= MAX_SYMLINKS; ) {
    const name = left.shift();
    if (name === undefined) return;
    const next = at === '/' ? `/${name}` : `${at}/${name}`;
    yield next;
    if (!lstatSync(Buffer.from(next, 'latin1')).isSymbolicLink()) {
      at = next;
      continue;
    }
    const target = readlinkSync(Buffer.from(next, 'latin1'), 'latin1');
    symlinks++;
    if (target.startsWith('/')) at = '/';
    left.unshift(...namesOf(target));
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** @param path not followed if it is a symlink */
function isLocal(path: string, ownRoot: string): boolean {
  const fd = openTrusted(path, O_PATH | O_NOFOLLOW);
  try {
    statFd(fd, stat);
    if (deviceNumber(stat) === ownRoot) return true;
    return !BACKED_BY_OTHERS.has(stat.devMajor) && LOCAL.has(statFs(fd).type);
  } finally {
    close(fd);
  }
}

function deviceNumber({ devMajor, devMinor }: FileStat): string {
  return `${devMajor}:${devMinor}`;
}
