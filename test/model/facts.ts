/** What a stat says, as far as two trees can be compared. */
import * as sys from '../harness/sys/index.js';
import { CLOCK } from './values.js';

export function timeText({ sec, nsec }: sys.Time): string {
  return sec > CLOCK.from && sec < CLOCK.to ? 'clock' : `${sec}.${String(nsec).padStart(9, '0')}`;
}

/** A directory's size and link count are its file system's affair. */
export function factsOf({ mode, uid, gid, size, nlink, mtime, rdev }: sys.Stat): string {
  const facts = [mode.toString(8), `${uid}:${gid}`, `mtime=${timeText(mtime)}`];
  if (!sys.isDirectory(mode)) facts.push(`size=${size}`, `nlink=${nlink}`);
  if (rdev !== '0:0') facts.push(`rdev=${rdev}`);
  return facts.join(' ');
}
