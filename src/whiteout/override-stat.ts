/**
 * Owner, mode and kind of an object as text, `UID:GID:MODE:KIND`: what containers/storage (pkg/idtools) and fuse-overlayfs
 * keep in an xattr of a file or directory whose own attributes are those of whoever may store it.
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
} from '../core/file-mode.js';
import type { FileStat } from '../core/file-stat.js';

/** What an xattr says in place of the object's own attributes. */
export type ToldStat = Pick<FileStat, 'mode' | 'uid' | 'gid' | 'rdevMajor' | 'rdevMinor'>;

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
  const isDevice = type === S_IFBLK || type === S_IFCHR;
  if (isDevice !== (major !== undefined)) return false;
  // Of what only stands for it: the block of a long xattr.
  if (type !== (stat.mode & S_IFMT)) stat.blocks = 0;
  stat.uid = Number(uid);
  stat.gid = Number(gid);
  stat.mode = type | (told & 0o7777);
  stat.rdevMajor = Number(major ?? 0);
  stat.rdevMinor = Number(minor ?? 0);
  return true;
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

export function textOf({ uid, gid, mode, rdevMajor, rdevMinor }: ToldStat): string {
  const permissions = (mode & 0o7777).toString(8).padStart(4, '0');
  return `${uid}:${gid}:${permissions}:${kindOf(mode)}${isDevice(mode) ? `-${rdevMajor}-${rdevMinor}` : ''}`;
}

function isDevice(mode: number): boolean {
  const type = mode & S_IFMT;
  return type === S_IFBLK || type === S_IFCHR;
}

function kindOf(mode: number): string {
  for (const [kind, type] of KINDS) if (type === (mode & S_IFMT)) return kind;
  throw new Error(`no kind of file: mode ${mode.toString(8)}`);
}
