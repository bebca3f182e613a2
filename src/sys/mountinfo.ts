/** The mounts of the calling thread's mount namespace (man proc_pid_mountinfo(5)). Strings are bytes. */
import { readOwnProc } from './proc.js';

export interface MountEntry {
  readonly id: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The directory of the file system that this mount shows. */
  readonly root: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /** Options of this mount, such as `ro` and `nosuid`. */
  readonly options: readonly string[];
  /** Options of the file system, the same for all its mounts. */
  readonly fileSystemOptions: readonly string[];
  /** The mount shows other owners than the disk has (man mount_setattr(2)). */
  readonly isIdmapped: boolean;
}

/** In the order of mounting: of several mounts on one directory, the last is the visible one. */
export function readMountinfo(): MountEntry[] {
  return parseMountinfo(readOwnProc('mountinfo'));
}

export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').filter(Boolean).map(parseLine);
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
function parseLine(line: string): MountEntry {
  const fields = line.split(' ');
  // There can be optional fields before the dash.
  const dash = fields.indexOf('-', 6);
  const field = (index: number): string => unescaped(fields[index] ?? '');
  return {
    id: Number(fields[0]),
    device: field(2),
    root: field(3),
    mountpoint: field(4),
    type: field(dash + 1),
    source: field(dash + 2),
    options: field(5).split(','),
    fileSystemOptions: field(dash + 3).split(','),
    isIdmapped: field(5).split(',').includes('idmapped'),
  };
}

/**
 * Decodes three octal digits for space, tab, newline and backslash (and overlayfs's colons); fstab(5) has the
 * same escapes.
 */
export function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The visible mount on `mountpoint` (absolute, without symlinks), or undefined. */
export function mountedOn(mountpoint: string, mounts = readMountinfo()): MountEntry | undefined {
  return mounts.findLast((entry) => entry.mountpoint === mountpoint);
}
