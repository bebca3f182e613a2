import { deepEqual, equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { onAbsence, onDirectory, onFile } from '../placements.js';
import { file } from '../tree.js';

const ACCESS = 'system.posix_acl_access';
const DEFAULT = 'system.posix_acl_default';
const FOR_ALICE = sys.acl(`u::rw- user:${sys.ALICE}:r-- g::--- m::r-- o::---`);
const WITH_ACL = file('secret', { mode: 0o600, xattrs: { [ACCESS]: FOR_ALICE.toString('latin1') } });
const DEFAULT_ACL = sys.acl(`u::rwx user:${sys.ALICE}:rwx g::r-x m::rwx o::---`);
const INHERITED = { mode: 0o777, xattrs: { [DEFAULT]: DEFAULT_ACL.toString('latin1') } };
const modeOf = (path: string): number => sys.stat(path).mode & 0o777;
const hex = (path: string, name: string): string => sys.getxattr(path, name).toString('hex');

export const aclCases: readonly Case[] = [
  ...onFile({
    id: 'acl-read',
    operation: 'acl',
    title: 'an ACL grants access to the users it names, and to no other',
    needs: ['acls'],
    object: WITH_ACL,
    run(_, path) {
      equal(hex(path, ACCESS), FOR_ALICE.toString('hex'));
      equal(
        sys.asUser(sys.ALICE, sys.STAFF, () => sys.readFile(path)),
        'secret',
      );
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EACCES', () => sys.open(path, sys.O_WRONLY)));
      sys.asUser(sys.BOB, sys.STAFF, () => fails('EACCES', () => sys.readFile(path)));
    },
  }),
  ...onFile({
    id: 'acl-set',
    operation: 'acl',
    title: 'a new ACL sets the mode, and grants access at once',
    needs: ['acls'],
    object: file('secret', { mode: 0o600 }),
    run(_, path) {
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EACCES', () => sys.readFile(path)));
      sys.setxattr(path, ACCESS, sys.acl(`u::rw- user:${sys.ALICE}:rw- g::r-- m::rw- o::---`));
      equal(modeOf(path), 0o660);
      equal(
        sys.asUser(sys.ALICE, sys.STAFF, () => sys.readFile(path)),
        'secret',
      );
    },
  }),
  ...onFile({
    id: 'acl-chmod-mask',
    operation: 'acl',
    title: 'chmod of a file with an ACL changes the mask',
    needs: ['acls'],
    object: WITH_ACL,
    run(_, path) {
      sys.chmod(path, 0o600);
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EACCES', () => sys.readFile(path)));
      sys.chmod(path, 0o640);
      equal(
        sys.asUser(sys.ALICE, sys.STAFF, () => sys.readFile(path)),
        'secret',
      );
      equal(hex(path, ACCESS), FOR_ALICE.toString('hex'));
    },
  }),
  ...onFile({
    id: 'acl-remove',
    operation: 'acl',
    title: 'removing an ACL revokes its grants',
    object: WITH_ACL,
    run(_, path) {
      sys.removexattr(path, ACCESS);
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EACCES', () => sys.readFile(path)));
      fails('ENODATA', () => sys.getxattr(path, ACCESS));
    },
  }),
  ...onFile({
    id: 'acl-remove-absent',
    operation: 'acl',
    title: 'removing a missing ACL succeeds on a file of the upper',
    placements: ['upper', 'merged', 'opaque'],
    needs: ['acls'],
    run(_, path) {
      sys.removexattr(path, ACCESS);
      fails('ENODATA', () => sys.removexattr(path, 'user.absent'));
    },
  }),
  ...onFile({
    id: 'acl-copy-up',
    operation: 'acl',
    title: 'an ACL survives writing to the file',
    needs: ['acls'],
    object: WITH_ACL,
    run(_, path) {
      sys.writeFile(path, 'rewritten');
      equal(hex(path, ACCESS), FOR_ALICE.toString('hex'));
      equal(
        sys.asUser(sys.ALICE, sys.STAFF, () => sys.readFile(path)),
        'rewritten',
      );
    },
  }),
  ...onAbsence({
    id: 'acl-default-file',
    operation: 'acl',
    title: 'a file inherits the default ACL, and the umask does not change its mode',
    needs: ['acls'],
    directory: INHERITED,
    run(_, path) {
      sys.asUser(sys.BOB, sys.STAFF, () => sys.withUmask(0o077, () => sys.writeFile(path, 'x', 0o666)));
      equal(modeOf(path), 0o660);
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.readFile(path));
      deepEqual(hex(path, ACCESS), sys.acl(`u::rw- user:${sys.ALICE}:rwx g::r-x m::rw- o::---`).toString('hex'));
    },
  }),
  ...onAbsence({
    id: 'acl-default-directory',
    operation: 'acl',
    title: 'a directory inherits the default ACL as default ACL and as access ACL',
    needs: ['acls'],
    directory: INHERITED,
    run(_, path) {
      sys.asUser(sys.BOB, sys.STAFF, () => sys.withUmask(0o077, () => sys.mkdir(path, 0o777)));
      equal(modeOf(path), 0o770);
      equal(hex(path, DEFAULT), DEFAULT_ACL.toString('hex'));
      equal(hex(path, ACCESS), DEFAULT_ACL.toString('hex'));
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.mkdir(`${path}/inner`));
      equal(hex(`${path}/inner`, DEFAULT), DEFAULT_ACL.toString('hex'));
    },
  }),
  ...onAbsence({
    id: 'acl-default-mknod',
    operation: 'acl',
    title: 'a fifo inherits the default ACL, a symlink does not',
    needs: ['acls'],
    directory: INHERITED,
    run(ctx, path) {
      sys.asUser(sys.BOB, sys.STAFF, () => sys.withUmask(0o077, () => sys.mknod(path, sys.S_IFIFO | 0o666)));
      equal(modeOf(path), 0o660);
      sys.symlink('x', ctx.path('d/link'));
      deepEqual(sys.listxattr(ctx.path('d/link')), []);
    },
  }),
  ...onDirectory({
    id: 'acl-default-set',
    operation: 'acl',
    title: 'a default ACL of a directory affects objects that are made later',
    needs: ['acls'],
    run(_, path) {
      sys.setxattr(path, DEFAULT, sys.acl('u::rwx g::rwx o::---'));
      sys.withUmask(0o022, () => sys.writeFile(`${path}/new`, '', 0o666));
      equal(modeOf(`${path}/new`), 0o660);
      equal(modeOf(`${path}/a`), 0o644);
    },
  }),
  ...onFile({
    id: 'acl-invalid',
    operation: 'acl',
    title: 'a malformed ACL is EINVAL, a default ACL on a file EACCES, a stranger EPERM',
    placements: ['upper', 'lower'],
    run(_, path) {
      fails('EINVAL', () => sys.setxattr(path, ACCESS, sys.acl(`u::rw- user:${sys.ALICE}:r-- g::r-- o::---`)));
      fails('EACCES', () => sys.setxattr(path, DEFAULT, sys.acl('u::rwx g::rwx o::---')));
      sys.asUser(sys.ALICE, sys.STAFF, () => fails('EPERM', () => sys.setxattr(path, ACCESS, FOR_ALICE)));
    },
  }),
  single({
    id: 'acl-setgid-cleared',
    operation: 'acl',
    placement: 'lower',
    title: 'setting an ACL clears set-gid if the owner is outside the group',
    needs: ['acls'],
    layers: { lower1: { f: file('x', { mode: 0o2755, uid: sys.ALICE, gid: 4242 }) } },
    run(ctx) {
      sys.asUser(sys.ALICE, sys.STAFF, () => sys.setxattr(ctx.path('f'), ACCESS, sys.acl('u::rwx g::rwx o::---')));
      equal(sys.stat(ctx.path('f')).mode & 0o7777, 0o770);
    },
  }),
];
