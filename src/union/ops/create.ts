import { openUnnamed } from '../../copyup/staged-file.js';
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { isDirectory, isRegular, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_CREAT, O_EXCL, O_RDWR } from '../../core/flags.js';
import { afterwards, UndoStack } from '../../core/undo.js';
import type { Caller, CreatedFile, Entry, NewFile, NewSpecial } from '../../fuse/operations.js';
import { mkdirAt, mknodAt, symlinkAt, unlinkAt } from '../../sys/files/inode-ops.js';
import { close, tryOpenAt } from '../../sys/files/open.js';
import { statAt, statFd } from '../../sys/files/stat.js';
import { type CreatedObject, makeObject, type NewObject } from '../create/create-object.js';
import { applyAttributes, attributesFor } from '../create/new-attributes.js';
import { removeFromListing } from '../lookup/cached-listing.js';
import { type DirectoryNode, FileNode } from '../nodes/node.js';
import { openNew } from '../objects/open-node.js';
import { assertWritable } from '../objects/protection.js';
import type { Union } from '../state/union.js';
import { countedEntry, entryOfNew } from './entries.js';

/** Creates a regular file, device, fifo or socket. */
export function mknod(
  union: Union,
  parent: NodeId,
  name: EntryName,
  { mode, rdev }: NewSpecial,
  caller: Caller,
): Entry {
  // A mode without a type means a regular file (man mknod(2)).
  const typed = (mode & S_IFMT) === 0 ? mode | S_IFREG : mode;
  return make(union, parent, name, caller, {
    mode: typed,
    rdev,
    make(dirfd, at, permissions) {
      mknodAt(dirfd, at, permissions, rdev);
      return -1;
    },
  });
}

/** Creates a directory. */
export function mkdir(union: Union, parent: NodeId, name: EntryName, mode: number, caller: Caller): Entry {
  return make(union, parent, name, caller, {
    mode: (mode & 0o7777) | S_IFDIR,
    rdev: 0,
    make(dirfd, at, permissions) {
      mkdirAt(dirfd, at, permissions & 0o7777);
      return -1;
    },
  });
}

/** Creates a symlink. */
export function symlink(union: Union, parent: NodeId, name: EntryName, target: string, caller: Caller): Entry {
  return make(union, parent, name, caller, {
    mode: S_IFLNK | 0o777,
    rdev: 0,
    make(dirfd, at) {
      symlinkAt(target, dirfd, at);
      return -1;
    },
  });
}

function make(union: Union, parent: NodeId, name: EntryName, caller: Caller, object: NewObject): Entry {
  const dir = union.nodes.directory(parent);
  const at = { dir, name };
  const made = makeObject(union, at, object, caller);
  return removeOnFailure(dir, made, () => {
    const dirfd = union.fds.get(made.home);
    if (!statAt(dirfd, name, union.answer.attr)) throw fsError(Errno.ESTALE, 'create');
    made.home.layer.overrides?.apply(dirfd, name, union.answer.attr);
    return entryOfNew(union, at, made, isDirectory(object.mode));
  });
}

/** Runs `use`; if that fails, removes the object: an application must not find it after an error. */
function removeOnFailure<T>(dir: DirectoryNode, made: CreatedObject, use: () => T): T {
  const undo = new UndoStack();
  undo.push(() => {
    // If the object cannot be removed, it has no node, and only a lookup on disk finds it.
    dir.isComplete = false;
    made.remove();
  });
  return undo.guard(use);
}

/**
 * Creates and opens a file in one request (O_CREAT of a free name). The kernel can cache the entry's
 * attributes although the file is open for writing (see `changesUnseen`): a mapping can write to an empty
 * file only after a request or a write has made the file larger, and after that the kernel asks for the
 * attributes again.
 */
export function create(
  union: Union,
  parent: NodeId,
  name: EntryName,
  { mode, flags }: NewFile,
  caller: Caller,
): CreatedFile {
  const dir = union.nodes.directory(parent);
  const at = { dir, name };
  union.openFiles.check();
  const object: NewObject = {
    mode: (mode & 0o7777) | S_IFREG,
    rdev: 0,
    make: createFile,
  };
  const made = makeObject(union, at, object, caller);
  return removeOnFailure(dir, made, () => {
    statOrClose(made, union.answer.attr);
    const entry = entryOfNew(union, at, made, false);
    try {
      return { opened: openNew(union, union.nodes.file(entry.nodeid), made.fd, flags, union.answer.attr.mode), entry };
    } catch (error) {
      union.nodes.forget(entry.nodeid, 1);
      removeFromListing(union.caches.listings, dir, name);
      throw error;
    }
  });
}

/**
 * Creates and opens a file. If this fails after the file was created, it removes the file: a network file
 * system checks the right to open it in a later step (fs/namei.c:do_open).
 */
function createFile(dirfd: number, name: string, permissions: number): number {
  const fd = tryOpenAt(dirfd, name, O_CREAT | O_EXCL | O_RDWR, permissions & 0o7777);
  if (fd >= 0) return fd;
  // If this fails, an empty file remains in the upper.
  if (fd !== -Errno.EEXIST) afterwards(() => removeIfNew(dirfd, name));
  throw fsError(-fd, 'openat');
}

/** Removes a file that can be the one just created: a regular, empty one with one link. */
function removeIfNew(dirfd: number, name: string): void {
  const stat = new FileStat();
  if (statAt(dirfd, name, stat) && isRegular(stat.mode) && stat.size === 0 && stat.nlink === 1) unlinkAt(dirfd, name);
}

function statOrClose({ fd, home }: CreatedObject, into: FileStat): void {
  try {
    statFd(fd, into);
    home.layer.overrides?.apply(fd, '', into);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Creates and opens a file without a name (O_TMPFILE). The file is made in the work directory, which is on
 * the upper's file system. So `parent` is not copied up until the file gets a name.
 */
export function tmpfile(union: Union, parent: NodeId, { mode, flags }: NewFile, caller: Caller): CreatedFile {
  const dir = union.nodes.directory(parent);
  const { work, layer } = union.stack.writable();
  assertWritable(union, dir);
  union.openFiles.check();
  const { fd, name } = openUnnamed(work);
  try {
    applyAttributes(union.stack, { dirfd: fd, name: '' }, attributesFor(union, dir, mode | S_IFREG, caller));
    if (name !== null) work.discard(name);
    statFd(fd, union.answer.attr);
    layer.overrides?.apply(fd, '', union.answer.attr);
  } catch (error) {
    close(fd);
    if (name !== null) work.discard(name);
    throw error;
  }
  const { attr } = union.answer;
  attr.ino = union.identity.numbers.shown(attr.devMajor, attr.devMinor, attr.ino);
  const node = new FileNode(union.nodes.newId(), null, '' as EntryName, attr.ino, true, null, '' as EntryName);
  node.identity = attr.ino;
  node.removed = true;
  union.nodes.add(node);
  const entry = countedEntry(union, node);
  return { opened: openNew(union, node, fd, flags, attr.mode), entry };
}
