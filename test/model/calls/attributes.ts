/** Calls that read and change attributes by a path. */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';
import { call } from '../script/call.js';
import { aDirectoryPath, aMode, anAcl, aPath, aTime } from '../script/values.js';
import { factsOf } from '../sides/facts.js';

export const anOwner = fc.constantFrom(0, sys.ALICE, sys.BOB, sys.KEEP);
export const aGroup = fc.constantFrom(0, sys.STAFF, sys.PROJECT, sys.KEEP);
/** Seconds with nanoseconds, or one of the special values of utimensat(2). */
export const aTimeText = fc.oneof(
  { weight: 6, arbitrary: aTime.map(({ sec, nsec }) => `${sec}.${String(nsec).padStart(9, '0')}`) },
  { weight: 1, arbitrary: fc.constantFrom('now', 'omit') },
);

export function timeOf(text: string): sys.Time {
  if (text === 'now') return sys.NOW;
  if (text === 'omit') return sys.OMIT;
  const [sec, nsec] = text.split('.');
  return { sec: Number(sec), nsec: Number(nsec) };
}

export const XATTR_FLAGS = { any: 0, create: sys.XATTR_CREATE, replace: sys.XATTR_REPLACE } as const;
export const anXattrName = fc.constantFrom('user.x0', 'user.x1', 'user.layer', 'trusted.x', 'security.x', 'wrong.x');
export const anXattrFlag = fc.constantFrom<keyof typeof XATTR_FLAGS>('any', 'any', 'create', 'replace');
export const anXattrValue = fc.oneof(fc.nat(999).map(String), fc.constantFrom('', 'y', 'long '.repeat(100)));
const anAclName = fc.constantFrom('system.posix_acl_access', 'system.posix_acl_default');

export const attributeCalls = {
  lstat: call(4, { path: aDirectoryPath }, ({ path }, { side }) => factsOf(sys.lstat(side.at(path)))),
  stat: call(1, { path: aPath }, ({ path }, { side }) => factsOf(sys.stat(side.at(path)))),
  access: call(2, { path: aDirectoryPath, mode: fc.constantFrom(4, 2, 1, 7) }, ({ path, mode }, { side }) =>
    sys.access(side.at(path), mode),
  ),
  chmod: call(5, { path: aDirectoryPath, mode: aMode }, ({ path, mode }, { side }) => sys.chmod(side.at(path), mode)),
  lchown: call(4, { path: aDirectoryPath, uid: anOwner, gid: aGroup }, ({ path, uid, gid }, { side }) =>
    sys.lchown(side.at(path), uid, gid),
  ),
  chown: call(1, { path: aPath, uid: anOwner, gid: aGroup }, ({ path, uid, gid }, { side }) =>
    sys.chown(side.at(path), uid, gid),
  ),
  utimens: call(4, { path: aDirectoryPath, atime: aTimeText, mtime: aTimeText }, ({ path, atime, mtime }, { side }) =>
    sys.utimens(side.at(path), timeOf(atime), timeOf(mtime)),
  ),
  setxattr: call(
    4,
    { path: aDirectoryPath, name: anXattrName, value: anXattrValue, flag: anXattrFlag },
    ({ path, name, value, flag }, { side }) => sys.setxattr(side.at(path), name, value, XATTR_FLAGS[flag]),
  ),
  getxattr: call(
    2,
    { path: aDirectoryPath, name: anXattrName, size: fc.constantFrom(65536, 2, 0) },
    ({ path, name, size }, { side }) =>
      size === 0 ? sys.xattrSize(side.at(path), name) : sys.getxattr(side.at(path), name, size).toString('latin1'),
  ),
  listxattr: call(2, { path: aDirectoryPath, size: fc.constantFrom(65536, 20) }, ({ path, size }, { side }) =>
    sys.listxattr(side.at(path), size),
  ),
  removexattr: call(3, { path: aDirectoryPath, name: anXattrName }, ({ path, name }, { side }) =>
    sys.removexattr(side.at(path), name),
  ),
  setAcl: call(3, { path: aDirectoryPath, name: anAclName, acl: anAcl }, ({ path, name, acl }, { side }) =>
    sys.setxattr(side.at(path), name, sys.acl(acl)),
  ),
  getAcl: call(1, { path: aDirectoryPath, name: anAclName }, ({ path, name }, { side }) =>
    sys.getxattr(side.at(path), name).toString('hex'),
  ),
  removeAcl: call(1, { path: aDirectoryPath, name: anAclName }, ({ path, name }, { side }) =>
    sys.removexattr(side.at(path), name),
  ),
  setCapability: call(1, { path: aPath }, ({ path }, { side }) =>
    sys.setxattr(side.at(path), 'security.capability', sys.capability()),
  ),
};
