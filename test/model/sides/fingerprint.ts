/** All facts of a directory tree on disk, to check that nothing has changed. */
import { createHash } from 'node:crypto';
import * as sys from '../../harness/sys/index.js';

/**
 * Maps each path to its facts. Reading changes nothing (O_NOATIME), except access times of symlinks, which
 * are left out.
 * @param accessTimes true: access times of other objects are included
 */
export function fingerprint(root: string, accessTimes: boolean): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  visit(root, '.', facts, accessTimes);
  return facts;
}

function visit(root: string, relative: string, facts: Map<string, string>, accessTimes: boolean): void {
  const path = `${root}/${relative}`;
  const stat = sys.lstat(path);
  const { atime, ...others } = stat;
  const parts: unknown[] = [others];
  for (const name of sys.listxattr(path)) parts.push([name, sys.getxattr(path, name).toString('hex')]);
  if (sys.isSymlink(stat.mode)) parts.push(sys.readlink(path));
  else if (accessTimes) parts.push(atime);
  if (sys.isRegular(stat.mode)) parts.push(hashOf(path));
  facts.set(relative, JSON.stringify(parts));
  if (!sys.isDirectory(stat.mode)) return;
  const fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NOATIME);
  const names = sys.getdentsToEnd(fd).map(({ name }) => name);
  sys.close(fd);
  for (const name of names.sort())
    if (name !== '.' && name !== '..') visit(root, `${relative}/${name}`, facts, accessTimes);
}

function hashOf(path: string): string {
  const fd = sys.open(path, sys.O_RDONLY | sys.O_NOATIME);
  try {
    const hash = createHash('sha256');
    for (let part = sys.read(fd, 1 << 16); part.length > 0; part = sys.read(fd, 1 << 16)) hash.update(part);
    return hash.digest('hex');
  } finally {
    sys.close(fd);
  }
}

/** Returns a description of the first change, or null. */
export function changeBetween(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string | null {
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(path), after.get(path)];
    if (was !== is) return `${JSON.stringify(path)} was ${was ?? 'not there'} and is ${is ?? 'not there'}`;
  }
  return null;
}
