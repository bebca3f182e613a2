/** The identity of an object: its device and inode number, as a string. */
import { FileStat } from '../core/file-stat.js';
import { statFd } from '../sys/files/stat.js';

/** A string that is equal for two stats only if they are of the same object. */
export function identityOf({ devMajor, devMinor, ino }: FileStat): string {
  return `${devMajor}:${devMinor}:${ino}`;
}

/** The identity of the object that is open at `fd`. */
export function identityOfOpen(fd: number): string {
  const stat = new FileStat();
  statFd(fd, stat);
  return identityOf(stat);
}
