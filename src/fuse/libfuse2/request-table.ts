/**
 * The table of requests: what fuse-native calls for each, and what answers it. All of them are answered
 * through {@link Requests}.
 */
import type { Reply } from 'fuse-native';
import * as attributes from './paths/path-attributes.js';
import * as data from './paths/path-data.js';
import * as names from './paths/path-names.js';
import * as xattrs from './paths/path-xattrs.js';
import type { Tree } from './paths/tree.js';
import { type Answer, describe, type Requests } from './requests.js';

type Handler = (...args: never[]) => void;

/** fuse-native wants errnos negative. */
function valued(reply: Reply): Answer<unknown> {
  return { ok: (value) => reply(0, value), fail: (errno) => reply(-errno) };
}

/** read and write: the number of bytes is the result. */
function counted(reply: Reply): Answer<number> {
  return { ok: (bytes) => reply(bytes), fail: (errno) => reply(-errno) };
}

/**
 * The table of operations for fuse-native. access, flush, opendir and releasedir are left out: libfuse
 * answers them itself, and the kernel stops asking.
 */
export function handlers(tree: Tree, requests: Requests): Record<string, Handler> {
  function see(what: string, operation: () => unknown, reply: Reply): void {
    requests.serve(what, false, operation, valued(reply));
  }
  function change(what: string, operation: () => unknown, reply: Reply): void {
    requests.serve(what, true, operation, valued(reply));
  }
  return {
    readlink: (path: string, reply: Reply) => see(describe('readlink', path), () => names.readlink(tree, path), reply),
    statfs: (path: string, reply: Reply) => see(describe('statfs', path), () => attributes.statfs(tree, path), reply),
    // fuse-native looks only whether these are there: those of overrides.ts are called.
    getattr: () => {},
    fgetattr: () => {},
    utimens: () => {},
    getxattr: () => {},
    listxattr: () => {},

    mknod: (path: string, mode: number, rdev: number, reply: Reply) =>
      change(describe('mknod', path), () => names.mknod(tree, path, mode, rdev), reply),
    mkdir: (path: string, mode: number, reply: Reply) =>
      change(describe('mkdir', path), () => names.mkdir(tree, path, mode), reply),
    symlink: (target: string, path: string, reply: Reply) =>
      change(describe('symlink', target, path), () => names.symlink(tree, target, path), reply),
    link: (from: string, path: string, reply: Reply) =>
      change(describe('link', from, path), () => names.link(tree, from, path), reply),
    unlink: (path: string, reply: Reply) => change(describe('unlink', path), () => names.unlink(tree, path), reply),
    rmdir: (path: string, reply: Reply) => change(describe('rmdir', path), () => names.rmdir(tree, path), reply),
    rename: (from: string, to: string, reply: Reply) =>
      change(describe('rename', from, to), () => names.rename(tree, from, to), reply),
    readdir: (path: string, reply: Reply) =>
      requests.serve(describe('readdir', path), false, () => names.readdir(tree, path), {
        ok: (listing) => reply(0, listing.names, listing.stats),
        fail: (errno) => reply(-errno),
      }),

    chmod: (path: string, mode: number, reply: Reply) =>
      change(describe('chmod', path), () => attributes.chmod(tree, path, mode), reply),
    chown: (path: string, uid: number, gid: number, reply: Reply) =>
      change(describe('chown', path), () => attributes.chown(tree, path, uid, gid), reply),
    truncate: (path: string, size: number, reply: Reply) =>
      change(describe('truncate', path), () => attributes.truncate(tree, path, size), reply),
    ftruncate: (path: string, file: number, size: number, reply: Reply) =>
      change(describe('ftruncate', path), () => attributes.ftruncate(tree, file, size), reply),

    open: (path: string, flags: number, reply: Reply) =>
      see(describe('open', path), () => data.open(tree, path, flags), reply),
    create: (path: string, mode: number, reply: Reply) =>
      change(describe('create', path), () => data.create(tree, path, mode), reply),
    release: (path: string, file: number, reply: Reply) =>
      see(describe('release', path), () => data.release(tree, file), reply),
    read: (path: string, file: number, into: Buffer, size: number, offset: number, reply: Reply) =>
      requests.serve(describe('read', path), false, () => data.read(tree, file, into, size, offset), counted(reply)),
    write: (path: string, file: number, from: Buffer, size: number, offset: number, reply: Reply) =>
      requests.serve(describe('write', path), true, () => data.write(tree, file, from, size, offset), counted(reply)),
    fsync: (path: string, datasync: number, file: number, reply: Reply) =>
      see(describe('fsync', path), () => data.fsync(tree, file, datasync !== 0), reply),
    fsyncdir: (path: string, datasync: number, _file: number, reply: Reply) =>
      see(describe('fsyncdir', path), () => data.fsyncdir(tree, path, datasync !== 0), reply),

    setxattr: (path: string, name: string, value: Buffer, _position: number, flags: number, reply: Reply) =>
      change(describe('setxattr', path), () => xattrs.setxattr(tree, path, name, value, flags), reply),
    removexattr: (path: string, name: string, reply: Reply) =>
      change(describe('removexattr', path), () => xattrs.removexattr(tree, path, name), reply),
  };
}
