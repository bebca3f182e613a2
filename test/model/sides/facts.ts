/** Comparable facts of a stat(2). */
import * as sys from '../../harness/sys/index.js';
import { CLOCK } from '../script/values.js';

export function timeText({ sec, nsec }: sys.Time): string {
  return sec > CLOCK.from && sec < CLOCK.to ? 'clock' : `${sec}.${String(nsec).padStart(9, '0')}`;
}

/** Returns the facts without size and link count of a directory, which depend on the file system. */
export function factsOf({ mode, uid, gid, size, nlink, mtime, rdev }: sys.Stat): string {
  const facts = [mode.toString(8), `${uid}:${gid}`, `mtime=${timeText(mtime)}`];
  if (!sys.isDirectory(mode)) facts.push(`size=${size}`, `nlink=${nlink}`);
  if (rdev !== '0:0') facts.push(`rdev=${rdev}`);
  return facts.join(' ');
}
