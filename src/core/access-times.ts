/**
 * Mount options for access times: whether a read of a file or directory updates them (man mount(8),
 * relatime).
 */
import type { FileStat } from './file-stat.js';

export interface AccessTimes {
  readonly mode: 'relatime' | 'strictatime' | 'noatime';
  /** False: access times of directories are never updated (nodiratime). */
  readonly directories: boolean;
}

/** The kernel's default. */
export const DEFAULT_ACCESS_TIMES: AccessTimes = { mode: 'relatime', directories: true };

const DAY = 24 * 60 * 60;

/** Whether a read of an object with this stat updates its access time (fs/inode.c:relatime_need_update). */
export function updatesAccessTime({ mode }: AccessTimes, stat: FileStat, now = Date.now() / 1000): boolean {
  if (mode !== 'relatime') return mode === 'strictatime';
  const { atimeSec, atimeNsec, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec } = stat;
  const isAfter = (sec: number, nsec: number): boolean => atimeSec > sec || (atimeSec === sec && atimeNsec > nsec);
  return !isAfter(mtimeSec, mtimeNsec) || !isAfter(ctimeSec, ctimeNsec) || now - atimeSec >= DAY;
}
