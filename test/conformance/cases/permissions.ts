import { equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onAbsence, onDirectory, onFile } from '../placements.js';
import { dir, file, symlink } from '../tree.js';

const alice = <T>(body: () => T): T => sys.asUser(sys.ALICE, sys.STAFF, body);
const bob = <T>(body: () => T): T => sys.asUser(sys.BOB, sys.STAFF, body);

export const permissionCases: readonly Case[] = [
  ...onFile({
    id: 'permission-file',
    operation: 'access',
    title: 'owner, group and others each get their own bits',
    object: file(CONTENT, { mode: 0o640, uid: sys.ALICE, gid: sys.STAFF }),
    run(_, path) {
      alice(() => sys.access(path, 6));
      bob(() => sys.access(path, 4));
      bob(() => fails('EACCES', () => sys.access(path, 2)));
      bob(() => fails('EACCES', () => sys.open(path, sys.O_RDWR)));
      sys.asUser(sys.BOB, sys.BOB, () => fails('EACCES', () => sys.open(path, sys.O_RDONLY)));
      alice(() => sys.writeFile(path, 'by its owner'));
      equal(sys.readFile(path), 'by its owner');
    },
  }),
  ...onFile({
    id: 'permission-owner-only',
    operation: 'chmod',
    title: 'chmod by another user, and chown by the owner, is EPERM',
    object: file(CONTENT, { mode: 0o666, uid: sys.ALICE, gid: sys.STAFF }),
    run(_, path) {
      bob(() => fails('EPERM', () => sys.chmod(path, 0o600)));
      bob(() => fails('EPERM', () => sys.chown(path, sys.BOB, sys.KEEP)));
      alice(() => fails('EPERM', () => sys.chown(path, sys.BOB, sys.KEEP)));
      alice(() => sys.chmod(path, 0o600));
      equal(sys.stat(path).mode & 0o777, 0o600);
    },
  }),
  ...onFile({
    id: 'permission-execute',
    operation: 'access',
    title: 'X_OK needs an execute bit, also for root',
    object: file('#!/bin/sh\n', { mode: 0o644 }),
    run(_, path) {
      fails('EACCES', () => sys.access(path, 1));
      sys.chmod(path, 0o755);
      sys.access(path, 1);
    },
  }),
  ...onAbsence({
    id: 'permission-make',
    operation: 'mkdir',
    title: 'making a name needs write and search permission on the directory: EACCES',
    needs: ['caller'],
    directory: { mode: 0o755 },
    run(ctx, path) {
      alice(() => {
        fails('EACCES', () => sys.mkdir(path));
        fails('EACCES', () => sys.writeFile(path, ''));
        fails('EACCES', () => sys.symlink('x', path));
        fails('EACCES', () => sys.mknod(path, sys.S_IFIFO));
      });
      sys.chmod(ctx.path('d'), 0o777);
      alice(() => sys.mkdir(path));
      equal(sys.stat(path).uid, sys.ALICE);
    },
  }),
  ...onDirectory({
    id: 'permission-remove',
    operation: 'unlink',
    title: 'removing and renaming need write permission on the directory: EACCES',
    directory: { mode: 0o755 },
    run(_, path) {
      alice(() => {
        fails('EACCES', () => sys.unlink(`${path}/a`));
        fails('EACCES', () => sys.rename(`${path}/a`, `${path}/z`));
      });
      equal(sys.readFile(`${path}/a`), 'a');
    },
  }),
  ...onDirectory({
    id: 'permission-search',
    operation: 'lookup',
    title: 'a directory without search permission hides its entries, without read permission its names',
    directory: { mode: 0o744 },
    run(_, path) {
      alice(() => fails('EACCES', () => sys.stat(`${path}/a`)));
      sys.chmod(path, 0o711);
      alice(() => {
        equal(sys.readFile(`${path}/c`), 'c');
        fails('EACCES', () => sys.open(path, sys.O_RDONLY));
      });
    },
  }),
  ...onDirectory({
    id: 'permission-sticky',
    operation: 'unlink',
    title: 'in a sticky directory only owners remove: EPERM',
    needs: ['caller'],
    directory: { mode: 0o1777 },
    run(_, path) {
      alice(() => sys.writeFile(`${path}/hers`, 'h'));
      bob(() => {
        fails('EPERM', () => sys.unlink(`${path}/hers`));
        fails('EPERM', () => sys.rename(`${path}/hers`, `${path}/his`));
        fails('EPERM', () => sys.unlink(`${path}/a`));
      });
      alice(() => sys.unlink(`${path}/hers`));
    },
  }),
  ...onFile({
    id: 'permission-chgrp',
    operation: 'chown',
    title: "an owner can change the group to one of the owner's groups; another is EPERM",
    object: file(CONTENT, { uid: sys.ALICE, gid: 7 }),
    run(_, path) {
      alice(() => fails('EPERM', () => sys.chown(path, sys.KEEP, 8)));
      alice(() => sys.chown(path, sys.KEEP, sys.STAFF));
      equal(sys.stat(path).gid, sys.STAFF);
    },
  }),
  ...onFile({
    id: 'permission-setgid-chmod',
    operation: 'chmod',
    title: "chmod by an owner outside the file's group drops set-gid",
    object: file(CONTENT, { uid: sys.ALICE, gid: 7, mode: 0o755 }),
    run(_, path) {
      alice(() => sys.chmod(path, 0o2755));
      equal(sys.stat(path).mode & 0o7777, 0o755);
    },
  }),
  single({
    id: 'permission-through-lower-directory',
    operation: 'lookup',
    placement: 'merged',
    title: 'the topmost directory decides about search permission, not the one below it',
    layers: {
      upper: { d: dir({}, { mode: 0o700 }), e: dir({}, { mode: 0o755 }) },
      lower1: { d: dir({ f: 'x' }, { mode: 0o755 }), e: dir({ f: 'x' }, { mode: 0o700 }) },
    },
    run(ctx) {
      alice(() => fails('EACCES', () => sys.stat(ctx.path('d/f'))));
      alice(() => equal(sys.readFile(ctx.path('e/f')), 'x'));
    },
  }),
  single({
    id: 'permission-copy-up-by-writer',
    operation: 'open',
    placement: 'lower',
    title: 'a user who can write a file but not its directory can write it',
    layers: {
      lower1: { d: dir({ f: file('x', { mode: 0o666, uid: 9, gid: 9 }) }, { mode: 0o755 }), s: symlink('d/f') },
    },
    run(ctx) {
      alice(() => sys.writeFile(ctx.path('s'), 'written'));
      equal(sys.readFile(ctx.path('d/f')), 'written');
      equal(sys.stat(ctx.path('d/f')).uid, 9);
      equal(sys.stat(ctx.path('d')).uid, 0);
    },
  }),
];
