import { equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import type { Case, Context } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onDirectory, onFile } from '../placements.js';

const { FS_APPEND_FL, FS_IMMUTABLE_FL, FS_NODUMP_FL, O_RDONLY } = sys;
const MINE = FS_APPEND_FL | FS_IMMUTABLE_FL | FS_NODUMP_FL;

/** Sets a flag, and clears it when the case ends, because an immutable file cannot be removed. */
function setFlag(ctx: Context, relative: string, flag: number): number {
  const fd = ctx.open(relative, O_RDONLY);
  const before = sys.getInodeFlags(fd);
  sys.setInodeFlags(fd, before | flag);
  ctx.defer(() => sys.setInodeFlags(fd, before));
  return fd;
}

export const inodeFlagCases: readonly Case[] = [
  ...onFile({
    id: 'inode-flags-get',
    operation: 'ioctl',
    title: 'FS_IOC_GETFLAGS shows no flag that was not set, SETFLAGS sets one',
    needs: ['inode-flags'],
    run(ctx) {
      equal(sys.getInodeFlags(ctx.open('d/f', O_RDONLY)) & MINE, 0);
      equal(sys.getInodeFlags(setFlag(ctx, 'd/f', FS_NODUMP_FL)) & MINE, FS_NODUMP_FL);
    },
  }),
  ...onFile({
    id: 'inode-flags-immutable',
    operation: 'ioctl',
    title: 'a change of an immutable file is EPERM',
    needs: ['inode-flags'],
    run(ctx, path) {
      setFlag(ctx, 'd/f', FS_IMMUTABLE_FL);
      fails('EPERM', () => sys.open(path, sys.O_WRONLY));
      fails('EPERM', () => sys.truncate(path, 0));
      fails('EPERM', () => sys.chmod(path, 0o600));
      fails('EPERM', () => sys.unlink(path));
      fails('EPERM', () => sys.rename(path, ctx.path('d/g')));
      fails('EPERM', () => sys.link(path, ctx.path('d/g')));
      equal(sys.readFile(path), CONTENT);
    },
  }),
  ...onFile({
    id: 'inode-flags-append',
    operation: 'ioctl',
    title: 'an append-only file can only grow; other changes are EPERM',
    needs: ['inode-flags'],
    run(ctx, path) {
      setFlag(ctx, 'd/f', FS_APPEND_FL);
      fails('EPERM', () => sys.open(path, sys.O_WRONLY));
      fails('EPERM', () => sys.open(path, sys.O_WRONLY | sys.O_APPEND | sys.O_TRUNC));
      fails('EPERM', () => sys.truncate(path, 0));
      fails('EPERM', () => sys.unlink(path));
      sys.write(ctx.open('d/f', sys.O_WRONLY | sys.O_APPEND), '+');
      equal(sys.readFile(path), `${CONTENT}+`);
    },
  }),
  ...onDirectory({
    id: 'inode-flags-directory',
    operation: 'ioctl',
    title: 'adding or removing a name in an immutable directory is EPERM',
    needs: ['inode-flags'],
    run(ctx, path) {
      setFlag(ctx, 'd', FS_IMMUTABLE_FL);
      fails('EPERM', () => sys.unlink(`${path}/a`));
      fails('EPERM', () => sys.mkdir(`${path}/new`));
      equal(sys.readFile(`${path}/a`), 'a');
    },
  }),
  ...onFile({
    id: 'ioctl-unknown',
    operation: 'ioctl',
    title: 'an unknown ioctl is ENOTTY',
    run(ctx) {
      fails('ENOTTY', () => sys.unknownIoctl(ctx.open('d/f', O_RDONLY)));
    },
  }),
];
