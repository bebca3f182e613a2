/** Which object of this machine it is. */
import { FileStat } from '../core/file-stat.js';
import { statFd } from '../sys/files/stat.js';

/** Equal for two names of one object, and for nothing else. */
export function identityOf({ devMajor, devMinor, ino }: FileStat): string {
  return `${devMajor}:${devMinor}:${ino}`;
}

export function identityOfOpen(fd: number): string {
  const stat = new FileStat();
  statFd(fd, stat);
  return identityOf(stat);
}
