/** The function that serves each request of fuse-native. Each replies through {@link Requests}. */
import type { Operations, Reply } from 'fuse-native';
import * as attributes from './paths/path-attributes.js';
import * as data from './paths/path-data.js';
import * as names from './paths/path-names.js';
import * as xattrs from './paths/path-xattrs.js';
import type { Tree } from './paths/tree.js';
import { type Answer, describe, type Requests } from './requests.js';

/** In fuse-native errnos are negative. */
function valueAnswer(reply: Reply): Answer<unknown> {
  return { ok: (value) => reply(0, value), fail: (errno) => reply(-errno) };
}

/** For read and write, whose result is a number of bytes. */
function countAnswer(reply: Reply): Answer<number> {
  return { ok: (bytes) => reply(bytes), fail: (errno) => reply(-errno) };
}

/**
 * The operations for fuse-native. access, flush, opendir and releasedir are missing: libfuse replies to them
 * itself, and the kernel sends no more of them.
 */
export function handlers(tree: Tree, requests: Requests): Operations {
  function see(what: string, operation: () => unknown, reply: Reply): void {
    requests.serve(what, false, operation, valueAnswer(reply));
  }
  function change(what: string, operation: () => unknown, reply: Reply): void {
    requests.serve(what, true, operation, valueAnswer(reply));
  }
  return {
    readlink: (path, reply) => see(describe('readlink', path), () => names.readlink(tree, path), reply),
    statfs: (path, reply) => see(describe('statfs', path), () => attributes.statfs(tree, path), reply),
    // overrides.ts serves these. fuse-native checks only that they exist.
    getattr: () => {},
    fgetattr: () => {},
    utimens: () => {},
    getxattr: () => {},
    listxattr: () => {},

    mknod: (path, mode, rdev, reply) =>
      change(describe('mknod', path), () => names.mknod(tree, path, mode, rdev), reply),
    mkdir: (path, mode, reply) => change(describe('mkdir', path), () => names.mkdir(tree, path, mode), reply),
    symlink: (target, path, reply) =>
      change(describe('symlink', target, path), () => names.symlink(tree, target, path), reply),
    link: (from, path, reply) => change(describe('link', from, path), () => names.link(tree, from, path), reply),
    unlink: (path, reply) => change(describe('unlink', path), () => names.unlink(tree, path), reply),
    rmdir: (path, reply) => change(describe('rmdir', path), () => names.rmdir(tree, path), reply),
    rename: (from, to, reply) => change(describe('rename', from, to), () => names.rename(tree, from, to), reply),
    readdir: (path, reply) =>
      requests.serve(describe('readdir', path), false, () => names.readdir(tree, path), {
        ok: (listing) => reply(0, listing.names, listing.stats),
        fail: (errno) => reply(-errno),
      }),

    chmod: (path, mode, reply) => change(describe('chmod', path), () => attributes.chmod(tree, path, mode), reply),
    chown: (path, uid, gid, reply) =>
      change(describe('chown', path), () => attributes.chown(tree, path, uid, gid), reply),
    truncate: (path, size, reply) =>
      change(describe('truncate', path), () => attributes.truncate(tree, path, size), reply),
    ftruncate: (path, file, size, reply) =>
      change(describe('ftruncate', path), () => attributes.ftruncate(tree, file, size), reply),

    open: (path, flags, reply) => see(describe('open', path), () => data.open(tree, path, flags), reply),
    create: (path, mode, reply) => change(describe('create', path), () => data.create(tree, path, mode), reply),
    release: (path, file, reply) => see(describe('release', path), () => data.release(tree, file), reply),
    read: (path, file, into, size, offset, reply) =>
      requests.serve(
        describe('read', path),
        false,
        () => data.read(tree, file, into, size, offset),
        countAnswer(reply),
      ),
    write: (path, file, from, size, offset, reply) =>
      requests.serve(
        describe('write', path),
        true,
        () => data.write(tree, file, from, size, offset),
        countAnswer(reply),
      ),
    fsync: (path, datasync, file, reply) =>
      see(describe('fsync', path), () => data.fsync(tree, file, datasync !== 0), reply),
    fsyncdir: (path, datasync, _file, reply) =>
      see(describe('fsyncdir', path), () => data.fsyncdir(tree, path, datasync !== 0), reply),

    setxattr: (path, name, value, _position, flags, reply) =>
      change(describe('setxattr', path), () => xattrs.setxattr(tree, path, name, value, flags), reply),
    removexattr: (path, name, reply) =>
      change(describe('removexattr', path), () => xattrs.removexattr(tree, path, name), reply),
  };
}
