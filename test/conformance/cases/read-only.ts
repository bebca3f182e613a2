/** A union without an upper: every change is EROFS, also if another errno would apply. */
import * as sys from '../../harness/sys/index.js';
import type { Case } from '../case.js';
import { fails } from '../fails.js';
import { onScene } from '../scene.js';

const { NOW, O_CREAT, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY } = sys;

export const readOnlyCases: readonly Case[] = [
  ...onScene({
    id: 'read-only',
    operation: 'open',
    title: 'every change is EROFS, and reads succeed',
    objects: ['f', 'g', 's', 'e', 'l', 'c'],
    run(at, ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      for (const change of [
        () => sys.open(at('f'), O_WRONLY),
        () => sys.open(at('f'), O_RDWR),
        () => sys.open(at('f'), O_RDONLY | O_TRUNC),
        () => sys.open(at('new'), O_CREAT | O_RDWR),
        () => sys.open(at('s'), O_TMPFILE | O_RDWR),
        () => sys.mknod(at('new'), sys.S_IFIFO),
        () => sys.mkdir(at('new')),
        () => sys.rmdir(at('e')),
        () => sys.unlink(at('f')),
        () => sys.rename(at('f'), at('new')),
        () => sys.rename(at('f'), at('new'), sys.RENAME_NOREPLACE),
        () => sys.rename(at('f'), at('g'), sys.RENAME_EXCHANGE),
        () => sys.link(at('f'), at('new')),
        () => sys.linkDescriptor(fd, at('new')),
        () => sys.symlink('to', at('new')),
        () => sys.chmod(at('f'), 0o600),
        () => sys.fchmod(fd, 0o600),
        () => sys.chown(at('f'), 1, 1),
        () => sys.lchown(at('l'), 1, 1),
        () => sys.fchown(fd, 1, 1),
        () => sys.utimensFollowing(at('f'), NOW, NOW),
        () => sys.futimens(fd, NOW, NOW),
        () => sys.truncate(at('f'), 0),
        () => sys.setxattr(at('f'), 'user.x', 'x'),
        () => sys.fsetxattr(fd, 'user.x', 'x'),
        () => sys.removexattr(at('f'), 'user.one'),
        () => sys.fremovexattr(fd, 'user.one'),
        () => sys.access(at('f'), 2),
      ]) {
        fails('EROFS', change);
      }
      sys.fsync(fd);
      sys.access(at('f'), 4);
      sys.readFile(at('f'));
      // A device can be opened for writing, because it is not on this file system.
      sys.close(sys.open(at('c'), O_RDWR));
    },
  }),
  ...onScene({
    id: 'read-only-flags',
    operation: 'ioctl',
    title: 'setting inode flags is EROFS',
    objects: ['f'],
    needs: ['inode-flags'],
    run(_, ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      fails('EROFS', () => sys.setInodeFlags(fd, sys.getInodeFlags(fd)));
      fails('EROFS', () => sys.setFsxattr(fd, sys.getFsxattr(fd)));
    },
  }),
];
