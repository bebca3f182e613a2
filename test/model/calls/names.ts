/** Calls that make, rename and remove names. */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';
import { call } from '../script/call.js';
import { aDirectoryPath, aMode, aPath, aTarget } from '../script/values.js';

const RENAME_FLAGS = {
  plain: 0,
  NOREPLACE: sys.RENAME_NOREPLACE,
  EXCHANGE: sys.RENAME_EXCHANGE,
  WHITEOUT: sys.RENAME_WHITEOUT,
} as const;
const aRenameFlag = fc.oneof(
  { weight: 10, arbitrary: fc.constant<keyof typeof RENAME_FLAGS>('plain') },
  { weight: 6, arbitrary: fc.constantFrom<keyof typeof RENAME_FLAGS>('EXCHANGE', 'NOREPLACE') },
  { weight: 1, arbitrary: fc.constant<keyof typeof RENAME_FLAGS>('WHITEOUT') },
);

const TYPES = {
  file: sys.S_IFREG,
  fifo: sys.S_IFIFO,
  socket: sys.S_IFSOCK,
  null: sys.S_IFCHR,
  zero: sys.S_IFCHR,
} as const;

export const nameCalls = {
  mkdir: call(4, { path: aPath, mode: aMode }, ({ path, mode }, { side }) => sys.mkdir(side.at(path), mode)),
  rmdir: call(3, { path: aDirectoryPath }, ({ path }, { side }) => sys.rmdir(side.at(path))),
  unlink: call(5, { path: aPath }, ({ path }, { side }) => sys.unlink(side.at(path))),
  symlink: call(2, { target: aTarget, path: aPath }, ({ target, path }, { side }) =>
    sys.symlink(target, side.at(path)),
  ),
  readlink: call(1, { path: aPath }, ({ path }, { side }) => sys.readlink(side.at(path))),
  mknod: call(
    2,
    {
      path: aPath,
      type: fc.constantFrom(...(Object.keys(TYPES) as (keyof typeof TYPES)[])),
      mode: aMode,
    },
    // Device 0:0 is a whiteout, 1:3 is /dev/null.
    ({ path, type, mode }, { side }) =>
      sys.mknod(side.at(path), TYPES[type] | (mode & 0o777), type === 'null' ? 256 + 3 : 0),
  ),
  link: call(5, { path: aPath, to: aPath }, ({ path, to }, { side }) => sys.link(side.at(path), side.at(to))),
  rename: call(12, { path: aDirectoryPath, to: aPath, flag: aRenameFlag }, ({ path, to, flag }, { side }) =>
    sys.rename(side.at(path), side.at(to), RENAME_FLAGS[flag]),
  ),
  removeTree: call(1, { path: aPath }, ({ path }, { side }) => sys.removeTree(side.at(path))),
};
