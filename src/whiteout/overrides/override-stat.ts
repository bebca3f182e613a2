/**
 * Owner, mode and type of an object as text, `UID:GID:MODE:KIND`. containers/storage (pkg/idtools) and
 * fuse-overlayfs keep it in an xattr of a file or directory whose physical attributes are those of the user
 * who stores the layer.
 */
import {
  isRegular,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../core/file-mode.js';
import type { FileStat } from '../../core/file-stat.js';

/** The attributes that an xattr can hold in place of the object's own ones. */
export type ReportedStat = Pick<FileStat, 'mode' | 'uid' | 'gid' | 'rdevMajor' | 'rdevMinor'>;

/** Types by KIND. `block` and `char` are followed by the device's numbers. */
const KINDS: ReadonlyMap<string, number> = new Map([
  ['file', S_IFREG],
  ['dir', S_IFDIR],
  ['symlink', S_IFLNK],
  ['pipe', S_IFIFO],
  ['socket', S_IFSOCK],
  ['block', S_IFBLK],
  ['char', S_IFCHR],
]);

/** Types that MODE alone can give a regular file, because they have no device number. */
const TYPES_IN_MODE: ReadonlySet<number> = new Set([S_IFIFO, S_IFSOCK]);

const MAX_ID = 0xffff_fffe;
const FORMAT = /^(\d{1,10}):(\d{1,10}):([0-7]{1,7})(?::([a-z]+)(?:-?(\d{1,10})[-:](\d{1,10}))?)?$/;

/**
 * Replaces the physical attributes in `stat` by those of `text`.
 * @returns false if `text` is not valid for an object with these attributes; `stat` is unchanged then
 */
export function applyOverride(text: string, stat: FileStat): boolean {
  const [, uid, gid, octalMode, kind, major, minor] = FORMAT.exec(text) ?? [];
  if (uid === undefined || gid === undefined || octalMode === undefined) return false;
  const mode = Number.parseInt(octalMode, 8);
  const type = kind === undefined ? typeOfMode(mode, stat) : KINDS.get(kind);
  if (type === undefined || !canStore(type, stat) || Math.max(Number(uid), Number(gid)) > MAX_ID) return false;
  const isStandIn = type !== (stat.mode & S_IFMT);
  if ((isDevice(type) && isStandIn) !== (major !== undefined) && !isOwnNumber(type, stat, major, minor)) return false;
  // Layers mark a deleted name with device 0:0.
  if (isDevice(type) && isStandIn && Number(major) === 0 && Number(minor) === 0) return false;
  if (isStandIn) {
    // The blocks of the regular file hold only a long xattr.
    stat.blocks = 0;
    stat.size = 0;
    stat.rdevMajor = Number(major ?? 0);
    stat.rdevMinor = Number(minor ?? 0);
  }
  stat.uid = Number(uid);
  stat.gid = Number(gid);
  stat.mode = type | (mode & 0o7777);
  return true;
}

/** Whether the text repeats the number of a physical device. */
function isOwnNumber(type: number, own: FileStat, major: string | undefined, minor: string | undefined): boolean {
  return isDevice(type) && Number(major) === own.rdevMajor && Number(minor) === own.rdevMinor;
}

/**
 * The type for a text without KIND: fuse-overlayfs 1.x writes the type into MODE. For a device that is not
 * enough, so such an object stays the regular file that it physically is.
 */
function typeOfMode(mode: number, own: FileStat): number {
  const type = mode & S_IFMT;
  return isRegular(own.mode) && TYPES_IN_MODE.has(type) ? type : own.mode & S_IFMT;
}

/**
 * Whether an object with this physical mode can be stored for one of `type`: any object for one of its own
 * type, and a regular file also for a device, fifo or socket.
 */
function canStore(type: number, { mode }: FileStat): boolean {
  return type === (mode & S_IFMT) || (isRegular(mode) && type !== S_IFDIR && type !== S_IFLNK);
}

export function formatOverride({ uid, gid, mode, rdevMajor, rdevMinor }: ReportedStat): string {
  const permissions = (mode & 0o7777).toString(8).padStart(4, '0');
  return `${uid}:${gid}:${permissions}:${kindOf(mode)}${isDevice(mode) ? `-${rdevMajor}-${rdevMinor}` : ''}`;
}

/**
 * The format of fuse-overlayfs 1.x: without KIND, with the type in MODE. A regular file that is stored for a
 * device would need its number too.
 */
export function formatShortOverride({ uid, gid, mode }: ReportedStat): string {
  return `${uid}:${gid}:${(mode & (S_IFMT | 0o7777)).toString(8)}`;
}

function isDevice(mode: number): boolean {
  const type = mode & S_IFMT;
  return type === S_IFBLK || type === S_IFCHR;
}

function kindOf(mode: number): string {
  for (const [kind, type] of KINDS) if (type === (mode & S_IFMT)) return kind;
  throw new Error(`no kind of file: mode ${mode.toString(8)}`);
}
