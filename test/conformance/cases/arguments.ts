/** The errnos of calls with arguments that are invalid for the object: EINVAL, EFBIG, ERANGE and others. */
import * as sys from '../../harness/sys/index.js';
import type { Case } from '../case.js';
import { fails } from '../fails.js';
import { onScene } from '../scene.js';

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TMPFILE, O_WRONLY } = sys;
const MAP_SHARED = 1;
const PROT_READ = 1;
/** A position beyond the limit of every file system, whose sum with a length does not overflow. */
const HUGE = 0x3fff_ffff_ffff_f000n;
const TOO_BIG = Number(HUGE);
const NO_FLAG = 0x8000_0000;
const OFF_TIME = { sec: 0, nsec: 1_000_000_000 };

export const argumentCases: readonly Case[] = [
  ...onScene({
    id: 'argument-path',
    operation: 'stat',
    title: 'unknown flags and modes of calls on a path are EINVAL',
    objects: ['f', 's', 'e', 'l'],
    run(at) {
      const f = at('f');
      fails('EINVAL', () => sys.open(at('s'), O_TMPFILE & ~O_DIRECTORY));
      fails('EINVAL', () => sys.open(at('s'), O_TMPFILE | O_RDONLY));
      fails('EINVAL', () => sys.open(f, O_CREAT | O_DIRECTORY));
      fails('EINVAL', () => sys.mknod(at('new'), 0o170000));
      fails('EPERM', () => sys.mknod(at('new'), sys.S_IFDIR | 0o755));
      fails('EINVAL', () => sys.withFlags('stat', f, NO_FLAG));
      fails('EINVAL', () => sys.withFlags('chmod', f, NO_FLAG, 0o600));
      fails('EINVAL', () => sys.withFlags('chown', f, NO_FLAG));
      fails('EINVAL', () => sys.withFlags('access', f, NO_FLAG, 4));
      fails('EINVAL', () => sys.withFlags('access', f, 0, 0o777));
      fails('EINVAL', () => sys.withFlags('unlink', f, NO_FLAG));
      fails('EINVAL', () => sys.withFlags('utimensat', f, NO_FLAG));
      fails('EINVAL', () => sys.utimens(f, OFF_TIME, sys.OMIT));
      fails('EINVAL', () => sys.link(f, at('new'), NO_FLAG));
      fails('EINVAL', () => sys.rename(f, at('new'), 8));
      fails('EINVAL', () => sys.readlink(at('l'), 0));
      fails('EINVAL', () => sys.readlink(f));
      fails('EINVAL', () => sys.truncate(f, -1));
      fails('EINVAL', () => sys.rmdir(at('e/.')));
      fails('ENOTEMPTY', () => sys.rmdir(at('e/..')));
      fails('EOPNOTSUPP', () => sys.withFlags('chmod', at('l'), 0x100 /* AT_SYMLINK_NOFOLLOW */, 0o600));
      fails('ELOOP', () => sys.open(at('l'), O_RDONLY | O_NOFOLLOW));
    },
  }),
  ...onScene({
    id: 'argument-rename',
    operation: 'rename',
    title:
      'rename of a directory into itself is EINVAL, of or onto . and .. EBUSY, onto an object of the other type EISDIR or ENOTDIR',
    objects: ['f', 's', 'e'],
    run(at) {
      fails('EINVAL', () => sys.rename(at('s'), at('s/x2')));
      fails('EBUSY', () => sys.rename(at('s/.'), at('new')));
      fails('EBUSY', () => sys.rename(at('f'), at('s/..')));
      fails('EISDIR', () => sys.rename(at('f'), at('e')));
      fails('ENOTDIR', () => sys.rename(at('e'), at('f')));
    },
  }),
  ...onScene({
    id: 'argument-rename-flags',
    operation: 'rename',
    title:
      'NOREPLACE onto an existing name is EEXIST, EXCHANGE with a directory inside is EINVAL, both flags are EINVAL',
    objects: ['f', 'g', 'e', 's'],
    needs: ['rename-flags'],
    run(at) {
      const both = sys.RENAME_EXCHANGE | sys.RENAME_NOREPLACE;
      fails('EEXIST', () => sys.rename(at('f'), at('g'), sys.RENAME_NOREPLACE));
      fails('EEXIST', () => sys.rename(at('e'), at('s'), sys.RENAME_NOREPLACE));
      fails('EINVAL', () => sys.rename(at('e'), at('e/x'), sys.RENAME_NOREPLACE));
      fails('ENOENT', () => sys.rename(at('f'), at('none'), sys.RENAME_EXCHANGE));
      fails('EINVAL', () => sys.rename(at('f'), at('g'), both));
      fails('EINVAL', () => sys.rename(at('s'), at('s/x'), sys.RENAME_EXCHANGE));
    },
  }),
  ...onScene({
    id: 'argument-fd',
    operation: 'lseek',
    title: 'unknown flags, negative and unaligned positions of calls on a descriptor are EINVAL',
    objects: ['f', 'g'],
    run(_, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      fails('EINVAL', () => sys.lseek(fd, 0, 99));
      fails('EINVAL', () => sys.lseek(fd, -1, sys.SEEK_SET));
      fails('EINVAL', () => sys.pread(fd, 1, -1));
      fails('EINVAL', () => sys.pwrite(fd, 'x', -1));
      fails('EINVAL', () => sys.ftruncate(fd, -1));
      fails('EINVAL', () => sys.mmap(fd, 0, PROT_READ, MAP_SHARED));
      fails('EINVAL', () => sys.mmap(fd, 4096, PROT_READ, MAP_SHARED, 1));
      fails('EINVAL', () => sys.mmap(fd, 4096, PROT_READ, 0));
      fails('EINVAL', () => sys.msync(8, 4096, 4));
      fails('EINVAL', () => sys.msync(4096, 4096, 0x100));
      fails('ENOMEM', () => sys.msync(4096, 4096, 4));
      fails('EINVAL', () => sys.syncFileRange(fd, -1, 1, 0));
      fails('EINVAL', () => sys.syncFileRange(fd, 0, 1, 0x100));
      fails('EINVAL', () => sys.fadvise(fd, 99));
      fails('EINVAL', () => sys.flock(fd, 0));
      fails('EINVAL', () => sys.lock(fd, 9));
      fails('EINVAL', () => sys.lock(fd, sys.F_RDLCK, -1, 1));
      fails('EINVAL', () => sys.setLease(fd, 9));
      fails('EINVAL', () => sys.copyFileRange(fd, 0, ctx.open('d/g', O_RDWR), 0, 1, 1));
      fails('EINVAL', () => sys.copyFileRange(fd, 0, fd, 2, 5));
      fails('EOVERFLOW', () => sys.copyFileRange(fd, 5, ctx.open('d/g', O_RDWR), 0, 0xffff_ffff_ffff_fffdn));
      fails('EINVAL', () => sys.futimens(fd, OFF_TIME, sys.OMIT));
      fails('ENXIO', () => sys.lseek(fd, 1000, sys.SEEK_DATA));
    },
  }),
  ...onScene({
    id: 'argument-fallocate',
    operation: 'fallocate',
    title: 'fallocate of length 0 or at a negative offset is EINVAL, with an unknown mode EOPNOTSUPP',
    objects: ['f'],
    needs: ['fallocate'],
    run(_, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      fails('EINVAL', () => sys.fallocate(fd, 0, 0, 0));
      fails('EINVAL', () => sys.fallocate(fd, 0, -1, 10));
      fails('EOPNOTSUPP', () => sys.fallocate(fd, sys.FALLOC_FL_PUNCH_HOLE, 0, 10));
      fails('EOPNOTSUPP', () => sys.fallocate(fd, 0x4000, 0, 10));
      fails('EFBIG', () => sys.fallocate(fd, 0, TOO_BIG, 4096));
    },
  }),
  ...onScene({
    id: 'argument-too-big',
    operation: 'truncate',
    title: "a size or offset beyond the file system's limit is EFBIG, and the file is unchanged",
    objects: ['f', 'g'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      fails('EFBIG', () => sys.truncate(at('f'), TOO_BIG));
      fails('EFBIG', () => sys.ftruncate(fd, TOO_BIG));
      fails('EFBIG', () => sys.pwrite(fd, 'x', TOO_BIG));
      fails('EFBIG', () => sys.copyFileRange(ctx.open('d/g', O_RDONLY), 0, fd, HUGE, 3));
      if (sys.readFile(at('f')) !== 'content') throw new Error('the file changed');
    },
  }),
  ...onScene({
    id: 'argument-limit',
    operation: 'write',
    title: 'a write beyond RLIMIT_FSIZE is EFBIG, and the file is unchanged',
    objects: ['f'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      sys.withFileSizeLimit(100, () => {
        sys.lseek(fd, 100, sys.SEEK_SET);
        fails('EFBIG', () => sys.write(fd, 'x'));
        fails('EFBIG', () => sys.pwrite(fd, 'x', 200));
        fails('EFBIG', () => sys.truncate(at('f'), 101));
        fails('EFBIG', () => sys.ftruncate(fd, 101));
        sys.pwrite(fd, 'x', 99);
      });
      if (sys.stat(at('f')).size !== 100) throw new Error('the file changed');
    },
  }),
  ...onScene({
    id: 'argument-xattr',
    operation: 'setxattr',
    title: 'unknown xattr namespaces are EOPNOTSUPP, long names ERANGE, large values E2BIG, and other errors',
    objects: ['f', 'l', 'p', 'k', 'c'],
    run(at, ctx) {
      const f = at('f');
      const fd = ctx.open('d/f', O_RDONLY);
      const long = `user.${'x'.repeat(300)}`;
      fails('EOPNOTSUPP', () => sys.getxattr(f, 'nonsense.x'));
      fails('EOPNOTSUPP', () => sys.setxattr(f, 'nonsense.x', 'x'));
      fails('EOPNOTSUPP', () => sys.removexattr(f, 'nonsense.x'));
      fails('EOPNOTSUPP', () => sys.fgetxattr(fd, 'nonsense.x'));
      fails('EOPNOTSUPP', () => sys.fsetxattr(fd, 'nonsense.x', 'x'));
      fails('EOPNOTSUPP', () => sys.fremovexattr(fd, 'nonsense.x'));
      fails('ERANGE', () => sys.getxattr(f, long));
      fails('ERANGE', () => sys.setxattr(f, long, 'x'));
      fails('ERANGE', () => sys.setxattr(f, '', 'x'));
      fails('ERANGE', () => sys.getxattr(f, 'user.xyz'.slice(0, 0)));
      fails('E2BIG', () => sys.setxattr(f, 'user.big', 'x'.repeat(65_537)));
      fails('EINVAL', () => sys.setxattr(f, 'user.one', 'x', 0x10));
      fails('ENODATA', () => sys.getxattr(f, 'user.none'));
      fails('ENODATA', () => sys.fgetxattr(fd, 'user.none'));
      fails('ENODATA', () => sys.removexattr(f, 'user.none'));
      fails('ENODATA', () => sys.fremovexattr(fd, 'user.none'));
      fails('ENODATA', () => sys.fsetxattr(fd, 'user.none', 'x', sys.XATTR_REPLACE));
      fails('EEXIST', () => sys.fsetxattr(fd, 'user.one', 'x', sys.XATTR_CREATE));
      for (const name of ['l', 'p', 'k', 'c']) {
        fails('EPERM', () => sys.setxattr(at(name), 'user.x', 'x'));
        fails('EPERM', () => sys.removexattr(at(name), 'user.x'));
        fails('ENODATA', () => sys.getxattr(at(name), 'user.x'));
      }
      sys.asUser(sys.ALICE, sys.STAFF, () => {
        fails('EACCES', () => sys.setxattr(f, 'user.x', 'x'));
        fails('EACCES', () => sys.removexattr(f, 'user.one'));
      });
    },
  }),
  ...onScene({
    id: 'argument-handle',
    operation: 'name_to_handle_at',
    title: 'a handle without room is EOVERFLOW, an invalid one ESTALE, and opening one without root is EPERM',
    objects: ['f', 'l'],
    needs: ['handles'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      fails('EINVAL', () => sys.nameToHandle(at('f'), 5000));
      fails('EINVAL', () => sys.nameToHandle(at('f'), 128, 0x8000));
      fails('EOVERFLOW', () => sys.nameToHandle(at('f'), 0));
      fails('EINVAL', () => sys.openByHandle(fd, Buffer.alloc(16), O_RDONLY));
      fails('ESTALE', () => sys.openByHandle(fd, sys.handleOf(8), O_RDONLY));
      fails('ELOOP', () => sys.openByHandle(fd, sys.nameToHandle(at('l')), O_RDONLY));
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EPERM', () => sys.openByHandle(fd, sys.handleOf(8), O_RDONLY)));
    },
  }),
  ...onScene({
    id: 'argument-no-handle',
    operation: 'name_to_handle_at',
    title: 'without nfs_export a handle that can be opened is EOPNOTSUPP; a handle for comparison needs room',
    objects: ['f'],
    needs: ['no-handles'],
    run(at) {
      fails('EOPNOTSUPP', () => sys.nameToHandle(at('f')));
      fails('EINVAL', () => sys.nameToHandle(at('f'), 128, 0x8000));
      fails('EOVERFLOW', () => sys.nameToHandle(at('f'), 0, sys.AT_HANDLE_FID));
    },
  }),
  ...onScene({
    id: 'argument-direct',
    operation: 'write',
    title: 'O_DIRECT with a length that is not whole blocks is EINVAL',
    objects: ['f'],
    needs: ['o-direct', 'direct-blocks'],
    run(_, ctx) {
      const fd = ctx.open('d/f', O_RDWR | sys.O_DIRECT);
      sys.lseek(fd, 1, sys.SEEK_SET);
      fails('EINVAL', () => sys.write(fd, 'xyz'));
      fails('EINVAL', () => sys.read(fd, 3));
      fails('EINVAL', () => sys.pwrite(fd, 'xyz', 1));
      fails('EINVAL', () => sys.pread(fd, 3, 1));
    },
  }),
  ...onScene({
    id: 'argument-flags',
    operation: 'ioctl',
    title: "unknown inode flags are EOPNOTSUPP; flags of another user's file, and immutable without root, are EPERM",
    objects: ['f', 'p', 'a'],
    needs: ['inode-flags'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      fails('EOPNOTSUPP', () => sys.setInodeFlags(fd, 0x4000_0000 | 0x0100_0000));
      fails('ENOTTY', () => sys.getInodeFlags(ctx.open('d/p', O_RDONLY | sys.O_NONBLOCK)));
      fails('ENOTTY', () => sys.setInodeFlags(ctx.open('d/p', O_RDONLY | sys.O_NONBLOCK), 0));
      fails('ENOTTY', () => sys.getFsxattr(ctx.open('d/p', O_RDONLY | sys.O_NONBLOCK)));
      fails('ENOTTY', () => sys.setFsxattr(ctx.open('d/p', O_RDONLY | sys.O_NONBLOCK), Buffer.alloc(28)));
      const extents = sys.getFsxattr(fd);
      extents.writeUInt32LE(extents.readUInt32LE(0) | 0x1000 /* FS_XFLAG_EXTSZINHERIT, of directories */, 0);
      fails('EINVAL', () => sys.setFsxattr(fd, extents));
      const hers = sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d/a', O_WRONLY));
      sys.asUser(sys.ALICE, sys.STAFF, () => {
        fails('EPERM', () => sys.setInodeFlags(fd, 0));
        fails('EPERM', () => sys.setFsxattr(fd, sys.getFsxattr(fd)));
        fails('EPERM', () => sys.setInodeFlags(hers, sys.FS_IMMUTABLE_FL));
      });
      if (sys.readFile(at('f')) !== 'content') throw new Error('the file changed');
    },
  }),
];
