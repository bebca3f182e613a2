/** A mount that shows other owners than the layers have. */
import { chownSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { NOBODY } from '../../../../src/core/id-map.js';
import type { Caller, DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import type { OwnershipView } from '../../../../src/union/index.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const O_RDWR = 2;
const MAPPED: OwnershipView = {
  uids: { ranges: [{ disk: 0, shown: 100_000, count: 1000 }] },
  gids: { ranges: [{ disk: 0, shown: 200_000, count: 1000 }] },
};
const CONTAINER_ROOT = caller(100_000, 200_000);

let home: string;
let union: Operations;

function caller(uid: number, gid: number): Caller {
  return { uid, gid, pid: 0, umask: 0o022 };
}

beforeEach(() => {
  home = makeUnionHome('ownership');
  mkdirSync(join(home, 'lower/dir/below'), { recursive: true });
  writeFileSync(join(home, 'lower/file'), 'lower');
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function open(ownership: OwnershipView): void {
  union = openUnion(home, { ownership });
}

function find(name: string): NodeId {
  return (union.lookup(ROOT_ID, name as EntryName) as { nodeid: NodeId }).nodeid;
}

function shown(name: string): [number, number] {
  const { attr } = union.lookup(ROOT_ID, name as EntryName) as { attr: { uid: number; gid: number } };
  return [attr.uid, attr.gid];
}

function onDisk(name: string): [number, number] {
  const { uid, gid } = lstatSync(join(home, 'upper', name));
  return [uid, gid];
}

/** An ACL with one more user and one more group (linux/posix_acl_xattr.h). */
function acl(uid: number, gid: number): Buffer {
  const entries = [
    [0x01, 6, 0xffffffff],
    [0x02, 4, uid],
    [0x04, 4, 0xffffffff],
    [0x08, 4, gid],
    [0x10, 4, 0xffffffff],
    [0x20, 4, 0xffffffff],
  ];
  const value = Buffer.alloc(4 + 8 * entries.length);
  value.writeUInt32LE(2);
  entries.forEach(([tag = 0, permissions = 0, id = 0], i) => {
    value.writeUInt16LE(tag, 4 + 8 * i);
    value.writeUInt16LE(permissions, 6 + 8 * i);
    value.writeUInt32LE(id, 8 + 8 * i);
  });
  return value;
}

const isRoot = process.geteuid?.() === 0;

describe.skipIf(!isRoot)(`mapped owners${isRoot ? '' : ': chown(2) needs CAP_CHOWN'}`, () => {
  beforeEach(() => {
    chownSync(join(home, 'lower/file'), 5, 6);
    chownSync(join(home, 'lower/dir'), 5000, 6000);
    open(MAPPED);
  });

  it('are shown by a lookup, by GETATTR and by a listing', () => {
    expect(shown('file')).toEqual([100_005, 200_006]);
    const { uid, gid } = union.getattr(find('file')).attr;
    expect([uid, gid]).toEqual([100_005, 200_006]);
    const listed = new Map<string, number>();
    const sink: DirectorySink = {
      fits: () => true,
      add: () => {},
      addPlus: (name, _ino, _type, _cookie, entry) => {
        if (entry !== null) listed.set(name, entry.attr.uid);
      },
    };
    union.readdir(ROOT_ID, 0, sink, { plus: true, noatime: false });
    expect(Object.fromEntries(listed)).toEqual({ dir: NOBODY, file: 100_005 });
  });

  it('outside the ranges are shown as nobody', () => {
    expect(shown('dir')).toEqual([NOBODY, NOBODY]);
  });

  it('are copied as they are on the disk', () => {
    union.setattr(find('file'), { mode: 0o600 }, CONTAINER_ROOT);
    expect(onDisk('file')).toEqual([5, 6]);
  });

  it('that chown sets are mapped to the disk, and returned as they are shown', () => {
    const { attr } = union.setattr(find('file'), { uid: 100_007, gid: 200_008 }, CONTAINER_ROOT);
    expect([attr.uid, attr.gid]).toEqual([100_007, 200_008]);
    expect(onDisk('file')).toEqual([7, 8]);
  });

  it.each([{ uid: 7 }, { gid: 7 }, { uid: 101_000 }])(
    'that nothing on the disk is shown as are EOVERFLOW: %o',
    (change) => {
      expect(() => union.setattr(find('file'), change, CONTAINER_ROOT)).toThrow('EOVERFLOW');
      expect(shown('file')).toEqual([100_005, 200_006]);
    },
  );

  it('of the root directory do not change if chown gives it to an id that the disk lacks, as containers-storage does', () => {
    const before = onDisk('.');
    const { attr } = union.setattr(ROOT_ID, { uid: 0, gid: 0, mode: 0o700 }, caller(0, 0));
    expect([attr.uid, attr.gid, attr.mode & 0o777]).toEqual([100_000, 200_000, 0o700]);
    expect(onDisk('.')).toEqual(before);
  });

  it('of a new object are the ids of its creator on the disk', () => {
    const made = union.mkdir(ROOT_ID, 'new' as EntryName, 0o755, caller(100_003, 200_004));
    expect([made.attr.uid, made.attr.gid]).toEqual([100_003, 200_004]);
    expect(onDisk('new')).toEqual([3, 4]);
    union.create(ROOT_ID, 'file2' as EntryName, { mode: 0o644, flags: O_RDWR }, CONTAINER_ROOT);
    expect(onDisk('file2')).toEqual([0, 0]);
  });

  it("of an object that the host's root creates is nobody", () => {
    union.symlink(ROOT_ID, 'link' as EntryName, 'target', caller(0, 0));
    expect(onDisk('link')).toEqual([NOBODY, NOBODY]);
  });

  it('in ACLs are mapped too', () => {
    const node = find('file');
    union.setxattr(node, 'system.posix_acl_access', acl(100_001, 200_002), { flags: 0, killSetGid: false });
    expect(union.getxattr(node, 'system.posix_acl_access')).toEqual(acl(100_001, 200_002));
    union.close();
    open({});
    expect(union.getxattr(find('file'), 'system.posix_acl_access')).toEqual(acl(1, 2));
  });

  it('in ACLs without an id on the disk are refused: EINVAL', () => {
    expect(() =>
      union.setxattr(find('file'), 'system.posix_acl_access', acl(1, 200_002), { flags: 0, killSetGid: false }),
    ).toThrow('EINVAL');
  });

  it('in capabilities of root become the id as which root is shown', () => {
    const capability = '0100000200040000000000000000000000000000';
    const node = find('file');
    union.setxattr(node, 'security.capability', Buffer.from(capability, 'hex'), { flags: 0, killSetGid: false });
    const value = union.getxattr(node, 'security.capability')?.toString('hex');
    expect(value).toBe(`01000003${capability.slice(8)}a0860100`);
    union.close();
    open({});
    expect(union.getxattr(find('file'), 'security.capability')?.toString('hex')).toBe(capability);
  });

  it("in capabilities of one namespace's root are mapped too", () => {
    const capability = (root: number): Buffer => {
      const value = Buffer.from('000000030100000000000000000000000000000000000000', 'hex');
      value.writeUInt32LE(root, 20);
      return value;
    };
    const node = find('file');
    union.setxattr(node, 'security.capability', capability(100_009), { flags: 0, killSetGid: false });
    expect(union.getxattr(node, 'security.capability')).toEqual(capability(100_009));
    union.close();
    open({});
    expect(union.getxattr(find('file'), 'security.capability')).toEqual(capability(9));
  });

  it.each([
    ["the container's root keeps", CONTAINER_ROOT, 0o2644],
    ["the host's root keeps", caller(0, 0), 0o2644],
    ['a member of its group keeps', caller(100_005, 200_006), 0o2644],
    ['a stranger to its group takes away', caller(100_005, 200_009), 0o644],
  ])('%s the set-gid bit of a file that is given away', (_, who, mode) => {
    const node = find('file');
    union.setattr(node, { mode: 0o2644 }, CONTAINER_ROOT);
    expect(union.setattr(node, { uid: 100_006 }, who).attr.mode & 0o7777).toBe(mode);
  });
});

describe.skipIf(!isRoot)(`one owner for all${isRoot ? '' : ': chown(2) needs CAP_CHOWN'}`, () => {
  it('is shown, and new data is stored as without the option', () => {
    chownSync(join(home, 'lower/file'), 5, 6);
    open({ uids: { all: 7 }, gids: { all: 8 } });
    expect(shown('file')).toEqual([7, 8]);
    const { attr } = union.setattr(find('file'), { uid: 9, gid: 10 }, caller(0, 0));
    expect([attr.uid, attr.gid]).toEqual([7, 8]);
    expect(onDisk('file')).toEqual([9, 10]);
  });
});

describe('other options of what is shown', () => {
  it('static_nlink shows one link for each directory', () => {
    open({ staticLinks: true });
    union.mkdir(ROOT_ID, 'new' as EntryName, 0o755, caller(0, 0));
    const links = (name: string): number => union.getattr(find(name)).attr.nlink;
    expect([links('dir'), links('new'), union.getattr(ROOT_ID).attr.nlink]).toEqual([1, 1, 1]);
  });

  it('noxattrs supports no xattr', () => {
    open({ xattrs: 'none' });
    const node = find('file');
    expect(() => union.getxattr(node, 'user.a')).toThrow('EOPNOTSUPP');
    expect(() => union.setxattr(node, 'user.a', Buffer.from('b'), { flags: 0, killSetGid: false })).toThrow(
      'EOPNOTSUPP',
    );
    expect(() => union.listxattr(node, caller(0, 0))).toThrow('EOPNOTSUPP');
    expect(() => union.removexattr(node, 'user.a')).toThrow('EOPNOTSUPP');
  });

  it('noacl supports no ACL', () => {
    open({ xattrs: 'no-acls' });
    const node = find('file');
    const name = 'system.posix_acl_access';
    expect(() => union.getxattr(node, name)).toThrow('EOPNOTSUPP');
    expect(() => union.setxattr(node, name, acl(1, 2), { flags: 0, killSetGid: false })).toThrow('EOPNOTSUPP');
    expect(() => union.removexattr(node, name)).toThrow('EOPNOTSUPP');
    union.setxattr(node, 'user.a', Buffer.from('b'), { flags: 0, killSetGid: false });
    expect(union.listxattr(node, caller(0, 0))).toEqual(['user.a']);
  });

  it.each(['no-acls', 'none'] as const)(
    'with %s the umask counts, whatever default ACL a directory has on disk',
    (xattrs) => {
      open({});
      const grantsAll = Buffer.from('0200000001000700ffffffff04000700ffffffff20000700ffffffff', 'hex');
      union.setxattr(find('dir'), 'system.posix_acl_default', grantsAll, { flags: 0, killSetGid: false });
      union.close();
      open({ xattrs });
      const made = union.create(
        find('dir'),
        'private' as EntryName,
        { mode: 0o666, flags: 1 },
        { ...caller(0, 0), umask: 0o077 },
      );
      expect((made.entry.attr.mode & 0o777).toString(8)).toBe('600');
    },
  );
});
