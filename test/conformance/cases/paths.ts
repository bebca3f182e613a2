/** The errnos of every call with a path, for a path that cannot be resolved. */
import * as sys from '../../harness/sys/index.js';
import type { Capability, Case } from '../case.js';
import { fails } from '../fails.js';
import { onScene } from '../scene.js';

const { FAULT, O_CREAT, O_RDONLY, O_RDWR, O_TMPFILE, O_WRONLY } = sys;
const NAME = 'n'.repeat(256);

interface PathCall {
  readonly operation: string;
  readonly needs?: readonly Capability[];
  /** How the call uses the last name: it must exist, is made, or is followed if it is a symlink. */
  readonly last: 'exists' | 'made' | 'followed';
  call(path: string, sibling: string): unknown;
}

const CALLS: readonly PathCall[] = [
  { operation: 'open', last: 'followed', call: (path) => sys.open(path, O_RDONLY) },
  { operation: 'open O_CREAT', last: 'made', call: (path) => sys.open(path, O_CREAT | O_WRONLY) },
  {
    operation: 'open O_TMPFILE',
    last: 'followed',
    needs: ['tmpfile'],
    call: (path) => sys.open(path, O_TMPFILE | O_RDWR),
  },
  { operation: 'mknod', last: 'made', call: (path) => sys.mknod(path, sys.S_IFIFO | 0o644) },
  { operation: 'mkdir', last: 'made', call: (path) => sys.mkdir(path) },
  { operation: 'rmdir', last: 'exists', call: (path) => sys.rmdir(path) },
  { operation: 'unlink', last: 'exists', call: (path) => sys.unlink(path) },
  { operation: 'rename', last: 'exists', call: (path, sibling) => sys.rename(path, sibling) },
  { operation: 'rename', last: 'made', call: (path, sibling) => sys.rename(sibling, path) },
  {
    operation: 'rename NOREPLACE',
    last: 'exists',
    needs: ['rename-flags'],
    call: (path, sibling) => sys.rename(path, `${sibling}2`, sys.RENAME_NOREPLACE),
  },
  {
    operation: 'rename EXCHANGE',
    last: 'exists',
    needs: ['rename-flags'],
    call: (path, sibling) => sys.rename(path, sibling, sys.RENAME_EXCHANGE),
  },
  { operation: 'link', last: 'exists', call: (path, sibling) => sys.link(path, `${sibling}2`) },
  { operation: 'link', last: 'made', call: (path, sibling) => sys.link(sibling, path) },
  { operation: 'symlink', last: 'made', call: (path) => sys.symlink('to', path) },
  { operation: 'readlink', last: 'exists', call: (path) => sys.readlink(path) },
  { operation: 'chmod', last: 'followed', call: (path) => sys.chmod(path, 0o600) },
  { operation: 'chown', last: 'followed', call: (path) => sys.chown(path, 1, 1) },
  { operation: 'lchown', last: 'exists', call: (path) => sys.lchown(path, 1, 1) },
  { operation: 'utimensat', last: 'followed', call: (path) => sys.utimensFollowing(path, sys.NOW, sys.NOW) },
  { operation: 'truncate', last: 'followed', call: (path) => sys.truncate(path, 0) },
  { operation: 'stat', last: 'followed', call: (path) => sys.stat(path) },
  { operation: 'access', last: 'followed', call: (path) => sys.access(path, 4) },
  { operation: 'statfs', last: 'followed', call: (path) => sys.statfs(path) },
  { operation: 'getxattr', last: 'exists', call: (path) => sys.getxattr(path, 'user.one') },
  { operation: 'setxattr', last: 'exists', call: (path) => sys.setxattr(path, 'user.one', '2') },
  { operation: 'listxattr', last: 'exists', call: (path) => sys.listxattr(path) },
  { operation: 'removexattr', last: 'exists', call: (path) => sys.removexattr(path, 'user.one') },
  { operation: 'chdir', last: 'followed', call: (path) => sys.chdir(path) },
  { operation: 'execve', last: 'followed', call: (path) => sys.exec(path) },
  { operation: 'name_to_handle_at', last: 'exists', call: (path) => sys.nameToHandle(path) },
];

/** Provokes every failure to resolve the last name, for one call. */
function cannotResolve({ operation, last, call }: PathCall, at: (name: string) => string): void {
  const refused = (errno: string, path: string): void =>
    fails(errno, () => call(path, at('g')), `${operation} ${path.slice(-40)}`);
  refused('ENOENT', at('none/x'));
  refused('ENOENT', at('dangling/x'));
  refused('ENOENT', '');
  if (last !== 'made') refused('ENOENT', at('none'));
  if (last === 'followed') refused('ENOENT', at('dangling'));
  refused('ENOTDIR', at('f/x'));
  refused('ENOTDIR', at('p/x'));
  refused('ELOOP', at('loop/x'));
  if (last === 'followed') refused('ELOOP', at('loop'));
  refused('ENAMETOOLONG', at(NAME));
  refused('ENAMETOOLONG', at(`${NAME}/x`));
  refused('ENAMETOOLONG', at('s/'.repeat(2100)));
  refused('EFAULT', FAULT);
  sys.asUser(sys.ALICE, sys.STAFF, () => {
    refused('EACCES', at('locked/f'));
    refused('EACCES', at('locked/none'));
    refused('EACCES', at('locked/s/x'));
  });
}

const OBJECTS = ['f', 'g', 'p', 's', 'loop', 'dangling', 'locked'] as const;

export const pathCases: readonly Case[] = [
  ...onScene({
    id: 'path-nowhere',
    operation: 'lookup',
    title:
      'what is wrong on the way to the last name: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EACCES, EFAULT from every call',
    objects: OBJECTS,
    run(at) {
      for (const one of CALLS) if (one.needs === undefined) cannotResolve(one, at);
    },
  }),
  ...onScene({
    id: 'path-nowhere-flags',
    operation: 'lookup',
    title: 'such paths fail with the same errnos for the flags of rename and for O_TMPFILE',
    needs: ['rename-flags', 'tmpfile'],
    objects: OBJECTS,
    run(at) {
      for (const one of CALLS) if (one.needs !== undefined) cannotResolve(one, at);
    },
  }),
  ...onScene({
    id: 'path-at',
    operation: 'open',
    title: 'a path relative to a closed descriptor is EBADF, to that of a file ENOTDIR, for every call',
    objects: ['f'],
    run(at, ctx) {
      const file = ctx.open('d/f', O_RDONLY);
      for (const call of sys.AT_CALL_NAMES) {
        fails('EBADF', () => sys.at(call, sys.NO_FD, 'x'));
        fails('ENOTDIR', () => sys.at(call, file, 'x'));
      }
      fails('EBADF', () => sys.symlinkAt('to', sys.NO_FD, 'x'));
      fails('ENOTDIR', () => sys.symlinkAt('to', file, 'x'));
      fails('ENOENT', () => sys.at('open', ctx.open('d', O_RDONLY), 'none'));
      fails('ENOTDIR', () => sys.open(at('f'), O_RDONLY | sys.O_DIRECTORY));
    },
  }),
];
