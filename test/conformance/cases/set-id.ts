import { equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import type { Case } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onFile } from '../placements.js';
import { file } from '../tree.js';

const { O_WRONLY } = sys;
const modeOf = (path: string): number => sys.lstat(path).mode & 0o7777;
const CAPABLE = { mode: 0o755, xattrs: { 'security.capability': sys.capability().toString('latin1') } };

/** Set-id bits and capabilities, and the operations that clear them. */
export const setIdCases: readonly Case[] = [
  ...onFile({
    id: 'chown-clears-setid',
    operation: 'chown',
    title: 'chown clears set-id bits and capabilities, also by root',
    object: file('#!', { mode: 0o6755, xattrs: CAPABLE.xattrs }),
    run(_, path) {
      sys.chown(path, 1001, 1002);
      equal(modeOf(path), 0o755);
      fails('ENODATA', () => sys.getxattr(path, 'security.capability'));
    },
  }),
  ...onFile({
    id: 'chown-nobody-clears-setid',
    operation: 'chown',
    title: 'chown without an owner and a group clears set-id bits',
    object: file('#!', { mode: 0o6755 }),
    run(_, path) {
      sys.chown(path, sys.KEEP, sys.KEEP);
      equal(modeOf(path), 0o755);
    },
  }),
  ...onFile({
    id: 'chown-nobody-stranger',
    operation: 'chown',
    title: "chown without an id keeps the set-id bits of another user's file",
    needs: ['caller'],
    object: file('#!', { mode: 0o6755 }),
    run(_, path) {
      // EPERM, except through FUSE, where the kernel allows a chown that changes nothing.
      const result = sys.asUser(sys.ALICE, sys.STAFF, () => sys.outcome(() => sys.chown(path, sys.KEEP, sys.KEEP)));
      ok(result === 'EPERM' || result === 'ok', result);
      equal(modeOf(path), 0o6755);
    },
  }),
  ...onFile({
    id: 'chown-keeps-locking-bit',
    operation: 'chown',
    title: 'chown keeps set-gid if the group has no execute bit',
    object: file('x', { mode: 0o2644 }),
    run(_, path) {
      sys.chown(path, 1001, 1002);
      equal(modeOf(path), 0o2644);
    },
  }),
  ...onFile({
    id: 'write-clears-setid',
    operation: 'write',
    title: "an ordinary user's write clears set-id bits and capabilities",
    object: file(CONTENT, { ...CAPABLE, mode: 0o6777 }),
    run(ctx, path) {
      const fd = sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d/f', O_WRONLY));
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.write(fd, 'X'));
      equal(modeOf(path), 0o777);
      fails('ENODATA', () => sys.getxattr(path, 'security.capability'));
    },
  }),
  ...onFile({
    id: 'write-clears-setid-beside-reader',
    operation: 'write',
    title: "an ordinary user's write clears set-id bits, also if a reader has the file open",
    object: file(CONTENT, { mode: 0o6777 }),
    run(ctx, path) {
      ctx.open('d/f', sys.O_RDONLY);
      const fd = sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d/f', O_WRONLY));
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.write(fd, 'X'));
      equal(modeOf(path), 0o777);
    },
  }),
  ...onFile({
    id: 'write-clears-capability-root',
    operation: 'write',
    title: "root's write clears capabilities and keeps set-id bits",
    object: file(CONTENT, { ...CAPABLE, mode: 0o6755 }),
    run(ctx, path) {
      sys.write(ctx.open('d/f', O_WRONLY), 'X');
      fails('ENODATA', () => sys.getxattr(path, 'security.capability'));
      equal(modeOf(path), 0o6755);
    },
  }),
  ...onFile({
    id: 'mmap-write-keeps-setid',
    operation: 'mmap',
    title: 'a write to a mapping keeps set-id bits and capabilities',
    needs: ['capabilities-with-mapping'],
    object: file(CONTENT, { ...CAPABLE, mode: 0o6777 }),
    run(ctx, path) {
      const mapping = new sys.Mapping(ctx.open('d/f', sys.O_RDWR), CONTENT.length, { writable: true });
      ctx.defer(() => mapping.unmap());
      mapping.write(0, 'MAP');
      mapping.sync();
      equal(sys.readFile(path), `MAP${CONTENT.slice(3)}`);
      equal(modeOf(path), 0o6777);
      equal(sys.getxattr(path, 'security.capability').toString('hex'), sys.capability().toString('hex'));
    },
  }),
  ...[sys.O_APPEND, sys.O_DIRECT].flatMap((flag) =>
    onFile({
      id: `write-clears-setid-${flag === sys.O_APPEND ? 'append' : 'direct'}`,
      operation: 'write',
      title: `a write through a descriptor with flag ${flag} clears set-id bits and capabilities that were set while it is open`,
      needs: flag === sys.O_DIRECT ? ['o-direct'] : [],
      object: file('x'.repeat(8192), { mode: 0o777 }),
      run(ctx, path) {
        ctx.open('d/f', O_WRONLY);
        const fd = sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d/f', O_WRONLY | flag));
        sys.setxattr(path, 'security.capability', sys.capability());
        sys.chmod(path, 0o6777);
        sys.asUser(sys.ALICE, sys.STAFF, () => sys.pwriteAligned(fd, 0x58, 4096, 0));
        equal(modeOf(path), 0o777);
        fails('ENODATA', () => sys.getxattr(path, 'security.capability'));
      },
    }),
  ),
  ...onFile({
    id: 'truncate-clears-setid',
    operation: 'truncate',
    title: "an ordinary user's truncate clears set-id bits and capabilities",
    object: file(CONTENT, { ...CAPABLE, mode: 0o6777 }),
    run(_, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.truncate(path, 2));
      equal(modeOf(path), 0o777);
      fails('ENODATA', () => sys.getxattr(path, 'security.capability'));
    },
  }),
  ...onFile({
    id: 'write-locking-bit-stranger',
    operation: 'write',
    title: 'set-gid without group execute is cleared by a writer outside the group',
    needs: ['kill-set-gid'],
    object: file(CONTENT, { mode: 0o2666 }),
    run(ctx, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.write(ctx.open('d/f', O_WRONLY), 'X'));
      equal(modeOf(path), 0o666);
    },
  }),
  ...onFile({
    id: 'write-locking-bit-member',
    operation: 'write',
    title: 'set-gid without group execute is kept by a writer of the group',
    object: file(CONTENT, { mode: 0o2666, gid: sys.STAFF }),
    run(ctx, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.write(ctx.open('d/f', O_WRONLY), 'X'));
      equal(modeOf(path), 0o2666);
    },
  }),
  ...onFile({
    id: 'write-locking-bit-root',
    operation: 'write',
    title: 'set-gid without group execute is kept by root',
    object: file(CONTENT, { mode: 0o2666, gid: sys.STAFF }),
    run(ctx, path) {
      sys.write(ctx.open('d/f', O_WRONLY), 'X');
      sys.truncate(path, 3);
      ctx.open('d/f', O_WRONLY | sys.O_TRUNC);
      equal(modeOf(path), 0o2666);
    },
  }),
  ...onFile({
    id: 'truncate-locking-bit-stranger',
    operation: 'truncate',
    title: 'set-gid without group execute is cleared by a truncation from outside the group',
    needs: ['kill-set-gid'],
    object: file(CONTENT, { mode: 0o2666 }),
    run(_, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.truncate(path, 3));
      equal(modeOf(path), 0o666);
    },
  }),
  ...onFile({
    id: 'truncate-locking-bit-member',
    operation: 'truncate',
    title: 'set-gid without group execute is kept by a truncation of a group member',
    object: file(CONTENT, { mode: 0o2666, gid: sys.STAFF }),
    run(ctx, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => ctx.open('d/f', O_WRONLY | sys.O_TRUNC));
      equal(modeOf(path), 0o2666);
    },
  }),
  ...onFile({
    id: 'acl-locking-bit-copy-up',
    operation: 'write',
    title: 'a file with set-gid and an ACL keeps both when root writes to it',
    needs: ['own-attributes'],
    object: file(CONTENT, {
      mode: 0o2705,
      gid: sys.STAFF,
      xattrs: { 'system.posix_acl_access': sys.acl('u::-wx user:61002:r-x g::r-x m::r-- o::r-x').toString('latin1') },
    }),
    run(ctx, path) {
      const before = modeOf(path);
      sys.write(ctx.open('d/f', O_WRONLY), 'X');
      equal(modeOf(path), before);
      equal(before, 0o2345);
    },
  }),
  ...onFile({
    id: 'chmod-keeps-capability',
    operation: 'chmod',
    title: 'chmod and utimens keep capabilities and set-id bits',
    needs: ['own-attributes'],
    object: file(CONTENT, { ...CAPABLE, mode: 0o4755 }),
    run(_, path) {
      sys.chmod(path, 0o4711);
      sys.utimens(path, sys.NOW, sys.NOW);
      equal(sys.getxattr(path, 'security.capability').toString('hex'), sys.capability().toString('hex'));
      equal(modeOf(path), 0o4711);
    },
  }),
];
