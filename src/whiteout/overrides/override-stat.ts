/**
 * Owner, mode and kind of an object as text, `UID:GID:MODE:KIND`: what containers/storage (pkg/idtools) and
 * fuse-overlayfs keep in an xattr of a file or directory whose own attributes are those of whoever may store
 * it.
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

/** What an xattr says in place of the object's own attributes. */
export type ReportedStat = Pick<FileStat, 'mode' | 'uid' | 'gid' | 'rdevMajor' | 'rdevMinor'>;

/** `block` and `char` are followed by the device's numbers. */
const KINDS: ReadonlyMap<string, number> = new Map([
  ['file', S_IFREG],
  ['dir', S_IFDIR],
  ['symlink', S_IFLNK],
  ['pipe', S_IFIFO],
  ['socket', S_IFSOCK],
  ['block', S_IFBLK],
  ['char', S_IFCHR],
]);

/** Kinds that the mode alone can tell: without a device number. */
const TOLD_BY_MODE: ReadonlySet<number> = new Set([S_IFIFO, S_IFSOCK]);

const MAX_ID = 0xffff_fffe;
const FORM = /^(\d{1,10}):(\d{1,10}):([0-7]{1,7})(?::([a-z]+)(?:-?(\d{1,10})[-:](\d{1,10}))?)?$/;

/**
 * Puts what `text` says over `stat`, which has the object's own attributes.
 * @returns false: it says nothing that can be meant
 */
export function applyTold(text: string, stat: FileStat): boolean {
  const [, uid, gid, mode, kind, major, minor] = FORM.exec(text) ?? [];
  if (uid === undefined || gid === undefined || mode === undefined) return false;
  const told = Number.parseInt(mode, 8);
  const type = kind === undefined ? typeOfMode(told, stat) : KINDS.get(kind);
  if (type === undefined || !fits(type, stat) || Math.max(Number(uid), Number(gid)) > MAX_ID) return false;
  const standsIn = type !== (stat.mode & S_IFMT);
  if ((isDevice(type) && standsIn) !== (major !== undefined) && !namesItself(type, stat, major, minor)) return false;
  // Device 0:0 is how layers say that something is gone.
  if (isDevice(type) && standsIn && Number(major) === 0 && Number(minor) === 0) return false;
  if (standsIn) {
    // Of the file that stands for it: the block of a long xattr.
    stat.blocks = 0;
    stat.size = 0;
    stat.rdevMajor = Number(major ?? 0);
    stat.rdevMinor = Number(minor ?? 0);
  }
  stat.uid = Number(uid);
  stat.gid = Number(gid);
  stat.mode = type | (told & 0o7777);
  return true;
}

/** A real device may be told with its own number. */
function namesItself(type: number, own: FileStat, major: string | undefined, minor: string | undefined): boolean {
  return isDevice(type) && Number(major) === own.rdevMajor && Number(minor) === own.rdevMinor;
}

/** fuse-overlayfs 1.x puts the type into the mode. Of a device that would need more. */
function typeOfMode(mode: number, own: FileStat): number {
  const type = mode & S_IFMT;
  return isRegular(own.mode) && TOLD_BY_MODE.has(type) ? type : own.mode & S_IFMT;
}

/** What is not a file stands for itself; a file can stand for what could not be made. */
function fits(type: number, { mode }: FileStat): boolean {
  return type === (mode & S_IFMT) || (isRegular(mode) && type !== S_IFDIR && type !== S_IFLNK);
}

export function textOf({ uid, gid, mode, rdevMajor, rdevMinor }: ReportedStat): string {
  const permissions = (mode & 0o7777).toString(8).padStart(4, '0');
  return `${uid}:${gid}:${permissions}:${kindOf(mode)}${isDevice(mode) ? `-${rdevMajor}-${rdevMinor}` : ''}`;
}

/**
 * As fuse-overlayfs 1.x writes it, the kind in the mode; a device that only stands for one needs its number
 * behind that.
 */
export function shortTextOf(told: ReportedStat): string {
  const { uid, gid, mode } = told;
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
