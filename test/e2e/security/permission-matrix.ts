/**
 * The permission matrix: every operation by every kind of caller on every kind of object, each on its own
 * object. The result of a cell is the errno for the caller, and the facts that root sees afterwards.
 */
import { join } from 'node:path';
import * as sys from '../../harness/sys/index.js';

const OWNER = 61001;
const OWNER_GROUP = 62001;
const FRIEND = 61004;
const FRIENDS = 62004;

export const CALLERS = {
  root: { uid: 0, gid: 0, groups: [] },
  owner: { uid: OWNER, gid: OWNER, groups: [] },
  'owner in the group': { uid: OWNER, gid: OWNER, groups: [OWNER_GROUP] },
  'group by gid': { uid: 61002, gid: OWNER_GROUP, groups: [] },
  'group by supplementary group': { uid: 61002, gid: 61002, groups: [62002, OWNER_GROUP] },
  other: { uid: 61003, gid: 61003, groups: [62002] },
  'user of an ACL': { uid: FRIEND, gid: FRIEND, groups: [] },
  'group of an ACL': { uid: 61005, gid: 61005, groups: [FRIENDS] },
} satisfies Record<string, sys.Identity>;
export type CallerName = keyof typeof CALLERS;

/** A kind of object, which root makes. */
interface Kind {
  readonly mode: number;
  readonly acl?: string;
  readonly defaultAcl?: string;
  readonly capability?: true;
  /** A process has the object open meanwhile. This changes how a union reads and writes it. */
  readonly held?: 'reading' | 'writing';
}

const ACL = `u::rw- user:${FRIEND}:rw- g::r-- group:${FRIENDS}:r-- m::rw- o::---`;
const NARROW_ACL = `u::rwx user:${FRIEND}:rwx g::--- group:${FRIENDS}:rw- m::r-- o::r--`;

const FILES = {
  private: { mode: 0o600 },
  'group reads': { mode: 0o640 },
  'others only': { mode: 0o606 },
  'all but the owner': { mode: 0o066 },
  ACL: { mode: 0o660, acl: ACL },
  'ACL with a narrow mask': { mode: 0o744, acl: NARROW_ACL },
  'set-uid': { mode: 0o4777 },
  'set-gid': { mode: 0o2777 },
  'set-gid without group execute': { mode: 0o2767 },
  'both, held by a reader': { mode: 0o6777, held: 'reading' },
  'both, held by a writer': { mode: 0o6777, held: 'writing' },
  capability: { mode: 0o777, capability: true },
  'capability, held by a writer': { mode: 0o777, capability: true, held: 'writing' },
} satisfies Record<string, Kind>;

const DIRECTORY_ACL = `u::rwx user:${FRIEND}:rwx g::r-x group:${FRIENDS}:--x m::rwx o::---`;
const DIRECTORIES = {
  private: { mode: 0o700 },
  'group writes': { mode: 0o770 },
  'group lists': { mode: 0o740 },
  'others search': { mode: 0o711 },
  open: { mode: 0o777 },
  sticky: { mode: 0o1777 },
  'sticky for the group': { mode: 0o1770 },
  'set-gid': { mode: 0o2777 },
  'read-only': { mode: 0o555 },
  ACL: { mode: 0o770, acl: DIRECTORY_ACL },
  'default ACL': { mode: 0o777, defaultAcl: DIRECTORY_ACL },
} satisfies Record<string, Kind>;

type Operation = (path: string) => unknown;

function withFd<T>(path: string, flags: number, body: (fd: number) => T): T {
  return sys.withFd(path, flags, body, 0o666);
}

const FILE_OPERATIONS = {
  stat: (path) => sys.lstat(path).size,
  read: (path) => sys.readFile(path),
  access: (path) => [4, 2, 1, 6].map((mode) => sys.outcome(() => sys.access(path, mode))),
  write: (path) => withFd(path, sys.O_WRONLY, (fd) => sys.write(fd, 'W')),
  append: (path) => withFd(path, sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, 'A')),
  'write nothing': (path) => withFd(path, sys.O_RDWR, () => {}),
  'open to empty': (path) => withFd(path, sys.O_WRONLY | sys.O_TRUNC, () => {}),
  truncate: (path) => sys.truncate(path, 2),
  'truncate to the same size': (path) => sys.truncate(path, 7),
  ftruncate: (path) => withFd(path, sys.O_WRONLY, (fd) => sys.ftruncate(fd, 3)),
  fallocate: (path) => withFd(path, sys.O_WRONLY, (fd) => sys.fallocate(fd, 0, 0, 100)),
  'punch a hole': (path) =>
    withFd(path, sys.O_WRONLY, (fd) => sys.fallocate(fd, sys.FALLOC_FL_PUNCH_HOLE | sys.FALLOC_FL_KEEP_SIZE, 0, 4)),
  'copy a range': (path) => withFd(path, sys.O_RDWR, (fd) => sys.copyFileRange(fd, 0, fd, 4, 3)),
  'write a mapping': (path) =>
    withFd(path, sys.O_RDWR, (fd) => {
      const mapping = new sys.Mapping(fd, 7, { writable: true });
      mapping.write(0, 'M');
      mapping.sync();
      mapping.unmap();
    }),
  'open without atime': (path) => withFd(path, sys.O_RDONLY | sys.O_NOATIME, () => {}),
  chmod: (path) => sys.chmod(path, 0o640),
  'chmod u+s': (path) => sys.chmod(path, 0o4755),
  'chmod g+s': (path) => sys.chmod(path, 0o2755),
  'chown to oneself': (path) => sys.lchown(path, 61003, sys.KEEP),
  'chown to the owner': (path) => sys.lchown(path, OWNER, sys.KEEP),
  'chgrp to the group': (path) => sys.lchown(path, sys.KEEP, OWNER_GROUP),
  'chgrp to another': (path) => sys.lchown(path, sys.KEEP, 62002),
  'chown to nobody': (path) => sys.lchown(path, sys.KEEP, sys.KEEP),
  'times now': (path) => sys.utimens(path, sys.NOW, sys.NOW),
  'times then': (path) => sys.utimens(path, { sec: 5, nsec: 0 }, { sec: 6, nsec: 0 }),
  'set user xattr': (path) => sys.setxattr(path, 'user.new', 'x'),
  'get user xattr': (path) => sys.getxattr(path, 'user.mark').toString(),
  'remove user xattr': (path) => sys.removexattr(path, 'user.mark'),
  'list xattrs': (path) => sys.listxattr(path),
  'set trusted xattr': (path) => sys.setxattr(path, 'trusted.new', 'x'),
  'get trusted xattr': (path) => sys.getxattr(path, 'trusted.mark').toString(),
  'remove trusted xattr': (path) => sys.removexattr(path, 'trusted.mark'),
  'set security xattr': (path) => sys.setxattr(path, 'security.new', 'x'),
  'set capability': (path) => sys.setxattr(path, 'security.capability', sys.capability()),
  'remove capability': (path) => sys.removexattr(path, 'security.capability'),
  'set ACL': (path) => sys.setxattr(path, 'system.posix_acl_access', sys.acl(ACL)),
  'remove ACL': (path) => sys.removexattr(path, 'system.posix_acl_access'),
  'set nodump': (path) =>
    withFd(path, sys.O_RDONLY, (fd) => sys.setInodeFlags(fd, sys.getInodeFlags(fd) | sys.FS_NODUMP_FL)),
  'set immutable': (path) =>
    withFd(path, sys.O_RDONLY, (fd) => {
      const before = sys.getInodeFlags(fd);
      sys.setInodeFlags(fd, before | sys.FS_IMMUTABLE_FL);
      sys.setInodeFlags(fd, before);
    }),
  link: (path) => sys.link(path, `${path} linked`),
  unlink: (path) => sys.unlink(path),
  rename: (path) => sys.rename(path, `${path} renamed`),
} satisfies Record<string, Operation>;

const DIRECTORY_OPERATIONS = {
  list: (path) =>
    withFd(path, sys.O_RDONLY | sys.O_DIRECTORY, (fd) =>
      sys
        .getdentsToEnd(fd)
        .map(({ name }) => name)
        .sort(),
    ),
  'look up': (path) => sys.lstat(`${path}/roots`).mode,
  'look up a missing name': (path) => sys.outcome(() => sys.lstat(`${path}/absent`)),
  create: (path) => withFd(`${path}/new`, sys.O_CREAT | sys.O_EXCL | sys.O_RDWR, (fd) => sys.write(fd, 'new')),
  'create set-gid': (path) => sys.close(sys.open(`${path}/new`, sys.O_CREAT | sys.O_WRONLY, 0o6755)),
  'open or create': (path) => withFd(`${path}/roots`, sys.O_CREAT | sys.O_WRONLY, () => {}),
  mkdir: (path) => sys.mkdir(`${path}/new`, 0o2777),
  symlink: (path) => sys.symlink('anywhere', `${path}/new`),
  'make a fifo': (path) => sys.mknod(`${path}/new`, sys.S_IFIFO | 0o666),
  'make a socket': (path) => sys.mknod(`${path}/new`, sys.S_IFSOCK | 0o666),
  'make a device': (path) => sys.mknod(`${path}/new`, sys.S_IFCHR | 0o666, 1 * 256 + 3),
  'make a block device': (path) => sys.mknod(`${path}/new`, sys.S_IFBLK | 0o666, 7 * 256),
  'link in': (path) => sys.link(`${path} beside`, `${path}/new`),
  'move in': (path) => sys.rename(`${path} beside`, `${path}/new`),
  'move out': (path) => sys.rename(`${path}/roots`, `${path} out`),
  'rename one of root': (path) => sys.rename(`${path}/roots`, `${path}/renamed`),
  'rename one of the owner': (path) => sys.rename(`${path}/owners`, `${path}/renamed`),
  'replace one of root': (path) => sys.rename(`${path}/owners`, `${path}/roots`),
  exchange: (path) => sys.rename(`${path}/owners`, `${path}/roots`, sys.RENAME_EXCHANGE),
  'unlink one of root': (path) => sys.unlink(`${path}/roots`),
  'unlink one of the owner': (path) => sys.unlink(`${path}/owners`),
  rmdir: (path) => sys.rmdir(`${path}/empty`),
  'make without a name': (path) => {
    const fd = sys.open(path, sys.O_TMPFILE | sys.O_RDWR, 0o666);
    try {
      sys.linkTmpfile(fd, `${path}/new`);
    } finally {
      sys.close(fd);
    }
  },
  chmod: (path) => sys.chmod(path, 0o2755),
  'chgrp to the group': (path) => sys.lchown(path, sys.KEEP, OWNER_GROUP),
  'set default ACL': (path) => sys.setxattr(path, 'system.posix_acl_default', sys.acl(DIRECTORY_ACL)),
  'set user xattr': (path) => sys.setxattr(path, 'user.new', 'x'),
  'times now': (path) => sys.utimens(path, sys.NOW, sys.NOW),
} satisfies Record<string, Operation>;

export interface Cell {
  /** A sentence that names the cell, and is the name of its object. */
  readonly name: string;
  readonly caller: CallerName;
  /** The name of the operation. */
  readonly word: string;
  readonly kind: Kind;
  readonly isDirectory: boolean;
  readonly operation: Operation;
}

export function cells(): Cell[] {
  const all: Cell[] = [];
  const add = (
    type: 'file' | 'directory',
    kinds: Record<string, Kind>,
    operations: Record<string, Operation>,
  ): void => {
    for (const caller of Object.keys(CALLERS) as CallerName[])
      for (const [kindName, kind] of Object.entries(kinds))
        for (const [word, operation] of Object.entries(operations)) {
          const name = `${caller}: ${word} (${type}: ${kindName})`;
          all.push({ name, caller, word, kind, isDirectory: type === 'directory', operation });
        }
  };
  add('file', FILES, FILE_OPERATIONS);
  add('directory', DIRECTORIES, DIRECTORY_OPERATIONS);
  return all;
}

/** Makes the objects of all cells in `root`, to which all users can write. */
export function makeObjects(root: string, all: readonly Cell[]): void {
  sys.withUmask(0, () => {
    sys.chmod(root, 0o777);
    for (const cell of all) makeObject(join(root, cell.name), cell);
  });
}

function makeObject(path: string, { kind, isDirectory }: Cell): void {
  if (isDirectory) {
    sys.mkdir(path, 0o700);
    sys.writeFile(`${path} beside`, 'beside', 0o666);
    sys.writeFile(`${path}/roots`, 'roots', 0o666);
    sys.writeFile(`${path}/owners`, 'owners', 0o666);
    sys.lchown(`${path}/owners`, OWNER, OWNER);
    sys.mkdir(`${path}/empty`, 0o777);
  } else {
    sys.writeFile(path, 'content');
    sys.setxattr(path, 'user.mark', 'user');
    sys.setxattr(path, 'trusted.mark', 'trusted');
  }
  sys.lchown(path, OWNER, OWNER_GROUP);
  if (kind.acl !== undefined) sys.setxattr(path, 'system.posix_acl_access', sys.acl(kind.acl));
  if (kind.defaultAcl !== undefined) sys.setxattr(path, 'system.posix_acl_default', sys.acl(kind.defaultAcl));
  if (kind.acl === undefined) sys.chmod(path, kind.mode);
  if (kind.capability === true) sys.setxattr(path, 'security.capability', sys.capability());
}

/** Runs all cells on the tree at `root`. */
export function runCells(root: string, all: readonly Cell[]): Record<string, string> {
  return sys.withUmask(0o022, () => Object.fromEntries(all.map((cell) => [cell.name, runCell(root, cell)])));
}

function runCell(root: string, { name, caller, kind, isDirectory, operation }: Cell): string {
  const path = join(root, name);
  const holder =
    kind.held === undefined ? -1 : sys.open(path, kind.held === 'reading' ? sys.O_RDONLY : sys.O_WRONLY | sys.O_APPEND);
  try {
    let answer: unknown;
    const outcome = sys.asIdentity(CALLERS[caller], () =>
      sys.outcome(() => {
        answer = operation(path);
      }),
    );
    const places = isDirectory ? ['', '/new', '/renamed', '/roots', ' out'] : ['', ' linked', ' renamed'];
    const after = places.map((suffix) => facts(path + suffix));
    return [outcome, JSON.stringify(answer) ?? '', ...after].join(' | ');
  } finally {
    if (holder >= 0) sys.close(holder);
  }
}

function facts(path: string): string {
  let stat: sys.Stat;
  try {
    stat = sys.lstat(path);
  } catch (error) {
    if (error instanceof sys.SysError) return error.code;
    throw error;
  }
  const xattrs = sys.isSymlink(stat.mode)
    ? []
    : sys.listxattr(path).map((xattr) => `${xattr}=${sys.getxattr(path, xattr).toString('hex')}`);
  const size = sys.isDirectory(stat.mode) ? '' : ` ${stat.size}`;
  return `${stat.mode.toString(8)} ${stat.uid}:${stat.gid}${size} ${xattrs.join(' ')}`;
}
