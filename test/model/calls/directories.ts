/** Calls that read directories. */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';
import { call, NOTHING_HELD } from '../script/call.js';
import { aDirectoryPath, aSlot } from '../script/values.js';
import { DirectoryReader } from '../sides/directory-reader.js';

export const directoryCalls = {
  list: call(5, { path: aDirectoryPath }, ({ path }, { side }) => {
    const fd = sys.open(side.at(path), sys.O_RDONLY | sys.O_DIRECTORY);
    try {
      return sys
        .getdentsToEnd(fd)
        .map(({ name, type, ino }) => {
          const own = name === '.' || name === '..' ? 'ok' : inodeOf(`${side.at(path)}/${name}`, ino);
          return `${name}:${type}:${own}`;
        })
        .sort();
    } finally {
      sys.close(fd);
    }
  }),
  /** Lists without a stat of each name, so that the kernel only has the attributes of the listing. */
  listNames: call(4, { path: aDirectoryPath }, ({ path }, { side }) => {
    const fd = sys.open(side.at(path), sys.O_RDONLY | sys.O_DIRECTORY);
    try {
      return sys
        .getdentsToEnd(fd)
        .map(({ name, type }) => `${name}:${type}`)
        .sort();
    } finally {
      sys.close(fd);
    }
  }),
  openDirectory: call(4, { slot: aSlot, path: aDirectoryPath }, ({ slot, path }, { side, actor }) =>
    side.directories.put(actor, slot, new DirectoryReader(side.at(path))),
  ),
  readDirectory: call(
    8,
    { slot: aSlot, bytes: fc.constantFrom(48, 64, 100, 4096) },
    ({ slot, bytes }, { side, actor }) => side.directories.get(actor, slot)?.read(bytes) ?? NOTHING_HELD,
  ),
  finishDirectory: call(
    4,
    { slot: aSlot },
    ({ slot }, { side, actor }) => side.directories.get(actor, slot)?.finish() ?? NOTHING_HELD,
  ),
  rewindDirectory: call(2, { slot: aSlot, to: fc.constantFrom(0, 1, 3) }, ({ slot, to }, { side, actor }) => {
    const reader = side.directories.get(actor, slot);
    if (reader === undefined) return NOTHING_HELD;
    reader.back(to);
    return null;
  }),
  closeDirectory: call(1, { slot: aSlot }, ({ slot }, { side, actor }) => side.directories.drop(actor, slot)),
};

/** Checks that the inode number of a listing is that of stat (readdir(3p): d_ino). */
function inodeOf(path: string, listed: number): string {
  try {
    const { ino } = sys.lstat(path);
    return ino === listed ? 'ok' : 'another inode';
  } catch (error) {
    if (error instanceof sys.SysError) return error.code;
    throw error;
  }
}
