import { join } from 'node:path';
import * as sys from '../../../harness/sys/index.js';

/**
 * Returns path and beginning of every regular file below a directory of a layer. Opens and follows no other
 * object. A file can have any size.
 */
export function contentsBelow(root: string): [path: string, content: string][] {
  const fd = sys.open(root, sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NOFOLLOW);
  const entries = sys.getdentsToEnd(fd).filter(({ name }) => name !== '.' && name !== '..');
  sys.close(fd);
  return entries.flatMap(({ name }) => {
    const path = join(root, name);
    const { mode } = sys.lstat(path);
    if (sys.isDirectory(mode)) return contentsBelow(path);
    return sys.isRegular(mode) ? [[path, beginning(path)]] : [];
  });
}

function beginning(path: string): string {
  const fd = sys.open(path, sys.O_RDONLY);
  try {
    return sys.read(fd, 4096).toString('latin1');
  } finally {
    sys.close(fd);
  }
}
