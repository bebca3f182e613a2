/**
 * Calls that request one attribute alone. If a requested attribute is out of date, the kernel's FUSE
 * refreshes all cached ones. So stat(2), which requests all, hides a missing invalidation. These calls find
 * it.
 */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';
import { call } from '../script/call.js';
import { aDirectoryPath } from '../script/values.js';
import { timeText } from '../sides/facts.js';
import { onFile } from './handles.js';

export const aField = fc.constantFrom<sys.StatxField>(
  'mode',
  'nlink',
  'uid',
  'gid',
  'atime',
  'mtime',
  'ctime',
  'ino',
  'size',
  'blocks',
);

export const oneFieldCalls = {
  statx: call(12, { path: aDirectoryPath, field: aField }, ({ path, field }, { side }) =>
    answerOf(side.at(path), field),
  ),
  fstatx: onFile(10, { field: aField }, (fd, { field }) => answerOf(fd, field)),
};

/** Returns the comparable value of an attribute, and whether the server reports the same value. */
export function answerOf(of: string | number, field: sys.StatxField): string {
  const asked = sys.statOne(of, field);
  const right = sys.statForceSync(of);
  const shown = comparable(field, asked, right.mode);
  const [was, is] = [asked, right[field]].map((value) => JSON.stringify(value));
  const isRight = was === is || (field === 'size' && isRemovedDirectory(right));
  return isRight ? shown : `${shown}: ${field} ${was}, but it is ${is}`;
}

/** ext4 gives a directory that is removed while it is open the size 0 (fs/ext4/namei.c:ext4_rmdir). */
function isRemovedDirectory({ mode, nlink }: sys.Stat): boolean {
  return sys.isDirectory(mode) && nlink === 0;
}

function comparable(field: sys.StatxField, value: sys.Stat[sys.StatxField], mode: number): string {
  switch (field) {
    case 'mode':
      return (value as number).toString(8);
    case 'uid':
    case 'gid':
      return String(value);
    case 'nlink':
      return sys.isDirectory(mode) ? 'of a directory' : `${(mode & sys.S_IFMT).toString(8)} nlink=${value}`;
    case 'size':
      return sys.isDirectory(mode) ? 'of a directory' : String(value);
    case 'mtime':
      return timeText(value as sys.Time);
    // The clock or the file system decides.
    default:
      return 'its own';
  }
}
