import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onDirectory, onFile } from '../placements.js';
import { dir, file, opaqueDir, symlink } from '../tree.js';

const { XATTR_CREATE, XATTR_REPLACE } = sys;
const MARKED = file(CONTENT, { xattrs: { 'user.one': 'first', 'user.empty': '', 'trusted.mine': 't' }, mtime: 1000 });

/**
 * Attributes by which fuse-overlayfs and containers/storage recognise their layers, and the names under which
 * plyfs stores them.
 */
const NESTED = [
  'security.fuseoverlayfs.override_stat',
  'user.containers.override_security.capability',
  'user.containers.override_stat',
  'user.fuseoverlayfs.opaque',
  'user.fuseoverlayfs.origin',
  'user.plyfs.escaped.containers.override_stat',
];

export const xattrCases: readonly Case[] = [
  ...onFile({
    id: 'getxattr',
    operation: 'getxattr',
    title: 'getxattr returns the value or its size, ERANGE for a small buffer, ENODATA for a missing name',
    object: MARKED,
    run(_, path) {
      equal(sys.getxattr(path, 'user.one').toString(), 'first');
      equal(sys.getxattr(path, 'user.empty').length, 0);
      equal(sys.xattrSize(path, 'user.one'), 5);
      fails('ERANGE', () => sys.getxattr(path, 'user.one', 2));
      fails('ENODATA', () => sys.getxattr(path, 'user.none'));
    },
  }),
  ...onFile({
    id: 'listxattr',
    operation: 'listxattr',
    title: 'listxattr returns all names; ERANGE for a small buffer',
    object: MARKED,
    run(_, path) {
      deepEqual(sys.listxattr(path), ['trusted.mine', 'user.empty', 'user.one']);
      fails('ERANGE', () => sys.listxattr(path, 5));
    },
  }),
  ...onFile({
    id: 'setxattr',
    operation: 'setxattr',
    title: 'setxattr with CREATE and REPLACE changes one attribute, and keeps the others, content and mtime',
    object: MARKED,
    run(_, path) {
      fails('EEXIST', () => sys.setxattr(path, 'user.one', 'x', XATTR_CREATE));
      fails('ENODATA', () => sys.setxattr(path, 'user.two', 'x', XATTR_REPLACE));
      sys.setxattr(path, 'user.two', 'second\0binary', XATTR_CREATE);
      sys.setxattr(path, 'user.one', 'changed', XATTR_REPLACE);
      equal(sys.getxattr(path, 'user.two').toString('latin1'), 'second\0binary');
      equal(sys.getxattr(path, 'user.one').toString(), 'changed');
      deepEqual(sys.listxattr(path), ['trusted.mine', 'user.empty', 'user.one', 'user.two']);
      deepEqual([sys.readFile(path), sys.stat(path).mtime.sec], [CONTENT, 1000]);
    },
  }),
  ...onFile({
    id: 'removexattr',
    operation: 'removexattr',
    title: 'removexattr removes one attribute; ENODATA for a missing name',
    object: MARKED,
    run(_, path) {
      sys.removexattr(path, 'user.one');
      deepEqual(sys.listxattr(path), ['trusted.mine', 'user.empty']);
      fails('ENODATA', () => sys.removexattr(path, 'user.one'));
    },
  }),
  ...onFile({
    id: 'fsetxattr',
    operation: 'setxattr',
    title: 'fsetxattr sets an attribute through a descriptor opened for reading',
    run(ctx, path) {
      sys.fsetxattr(ctx.open('d/f', sys.O_RDONLY), 'user.by', 'fd');
      equal(sys.getxattr(path, 'user.by').toString(), 'fd');
    },
  }),
  ...['file', 'directory'].flatMap((kind) => {
    const on = kind === 'file' ? onFile : onDirectory;
    return on({
      id: `xattr-of-nested-tools-${kind}`,
      operation: 'setxattr',
      title: `attributes of container tools on a ${kind} can be set, read, listed and removed`,
      run(_, path) {
        const { mode, uid } = sys.stat(path);
        for (const name of NESTED) {
          fails('ENODATA', () => sys.getxattr(path, name));
          fails('ENODATA', () => sys.removexattr(path, name));
          fails('ENODATA', () => sys.setxattr(path, name, '7:7:04777:file', XATTR_REPLACE));
          sys.setxattr(path, name, '7:7:04777:file', XATTR_CREATE);
          fails('EEXIST', () => sys.setxattr(path, name, 'y', XATTR_CREATE));
        }
        deepEqual(sys.listxattr(path).sort(), NESTED);
        deepEqual([sys.stat(path).mode, sys.stat(path).uid], [mode, uid]);
        for (const name of NESTED) {
          equal(sys.getxattr(path, name).toString(), '7:7:04777:file');
          sys.removexattr(path, name);
        }
        deepEqual(sys.listxattr(path), []);
      },
    });
  }),
  ...onFile({
    id: 'xattr-survives-copy-up',
    operation: 'write',
    title: 'xattrs stay when the content changes and when the file is renamed',
    object: MARKED,
    run(ctx, path) {
      sys.writeFile(path, 'rewritten');
      sys.rename(path, ctx.path('moved'));
      deepEqual(sys.listxattr(ctx.path('moved')), ['trusted.mine', 'user.empty', 'user.one']);
    },
  }),
  ...onDirectory({
    id: 'xattr-directory',
    operation: 'setxattr',
    title: 'a directory can have xattrs',
    directory: { xattrs: { 'user.dir': 'd' } },
    run(_, path) {
      sys.setxattr(path, 'user.more', 'm');
      deepEqual(sys.listxattr(path), ['user.dir', 'user.more']);
      sys.writeFile(`${path}/new`, '');
      equal(sys.getxattr(path, 'user.dir').toString(), 'd');
    },
  }),
  ...onFile({
    id: 'xattr-symlink',
    operation: 'setxattr',
    title: 'a symlink can have trusted xattrs; user ones are EPERM',
    object: symlink('nowhere', { xattrs: { 'trusted.link': 'l' } }),
    run(_, path) {
      equal(sys.getxattr(path, 'trusted.link').toString(), 'l');
      sys.setxattr(path, 'trusted.more', 'm');
      fails('EPERM', () => sys.setxattr(path, 'user.x', 'x'));
      deepEqual(sys.listxattr(path), ['trusted.link', 'trusted.more']);
    },
  }),
  ...onFile({
    id: 'xattr-errors',
    operation: 'setxattr',
    title: 'an unknown namespace is EOPNOTSUPP, a long name ERANGE, a large value E2BIG',
    placements: ['upper', 'lower'],
    run(_, path) {
      fails('EOPNOTSUPP', () => sys.setxattr(path, 'nonsense.x', 'x'));
      fails('EOPNOTSUPP', () => sys.getxattr(path, 'nonsense.x'));
      fails('ERANGE', () => sys.setxattr(path, `user.${'x'.repeat(300)}`, 'x'));
      fails('E2BIG', () => sys.setxattr(path, 'user.big', 'x'.repeat(65_537)));
    },
  }),
  ...onFile({
    id: 'xattr-permission',
    operation: 'setxattr',
    title: 'user xattrs follow the permission bits: EACCES',
    object: file(CONTENT, { mode: 0o644, xattrs: { 'user.one': '1' } }),
    run(_, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => {
        equal(sys.getxattr(path, 'user.one').toString(), '1');
        fails('EACCES', () => sys.setxattr(path, 'user.two', 'x'));
        fails('EACCES', () => sys.removexattr(path, 'user.one'));
      });
    },
  }),
  ...onFile({
    id: 'xattr-capability',
    operation: 'setxattr',
    title: 'security.capability can be set and read unchanged',
    run(_, path) {
      sys.setxattr(path, 'security.capability', sys.capability());
      equal(sys.getxattr(path, 'security.capability').toString('hex'), sys.capability().toString('hex'));
      ok(sys.listxattr(path).includes('security.capability'));
    },
  }),
  single({
    id: 'xattr-private-hidden',
    operation: 'listxattr',
    placement: 'opaque',
    title: "the layers' own xattrs cannot be listed, read or removed",
    needs: ['private-xattrs'],
    layers: { upper: { d: opaqueDir({}, { xattrs: { 'user.mine': 'm' } }) }, lower1: { d: dir({ x: 'x' }) } },
    run(ctx) {
      deepEqual(sys.listxattr(ctx.path('d')), ['user.mine']);
      fails('ENODATA', () => sys.getxattr(ctx.path('d'), 'trusted.overlay.opaque'));
      fails('ENODATA', () => sys.removexattr(ctx.path('d'), 'trusted.overlay.opaque'));
      fails('ENOENT', () => sys.stat(ctx.path('d/x')));
    },
  }),
  single({
    id: 'xattr-private-copied-not',
    operation: 'chmod',
    placement: 'lower',
    title: "a lower directory's own marks are not copied up",
    needs: ['upper'],
    layers: { lower1: { d: opaqueDir({ a: 'a' }) }, lower2: { d: dir({ hidden: 'h' }) } },
    run(ctx) {
      sys.chmod(ctx.path('d'), 0o700);
      equal(ctx.isOpaque('d'), false);
      fails('ENOENT', () => sys.stat(ctx.path('d/hidden')));
      equal(sys.readFile(ctx.path('d/a')), 'a');
    },
  }),
  ...onFile({
    id: 'xattr-of-overlay',
    operation: 'listxattr',
    title: 'trusted.overlay.* is an ordinary name: listed, kept when the file changes, set and removed',
    needs: ['no-private-xattrs'],
    object: file(CONTENT, { xattrs: { 'trusted.overlay.origin': 'o', 'user.one': '1' } }),
    run(_, path) {
      sys.writeFile(path, 'changed');
      deepEqual(sys.listxattr(path), ['trusted.overlay.origin', 'user.one']);
      sys.setxattr(path, 'trusted.overlay.opaque', 'y');
      equal(sys.getxattr(path, 'trusted.overlay.opaque').toString(), 'y');
      sys.removexattr(path, 'trusted.overlay.origin');
      deepEqual(sys.listxattr(path), ['trusted.overlay.opaque', 'user.one']);
    },
  }),
];
