/** Requests about names. Paths are strings of fuse-native. */
import { Errno, fsError } from '../../../core/errno.js';
import { S_ISGID, S_ISUID } from '../../../core/file-mode.js';
import type { DirectorySink, Entry } from '../../operations.js';
import { HiddenFiles } from './hidden-files.js';
import { listedStat } from './stat.js';
import { toBytes, toExactText, toText } from './text.js';
import type { Tree } from './tree.js';

/**
 * Clears the set-id bits of the mode of a new object. The object belongs to the server's user, not to the
 * caller. With a set-id bit the caller would get the rights of that user.
 */
export function modeOfNew(mode: number): number {
  return mode & ~(S_ISUID | S_ISGID);
}

/** Creates an object with `create`, and records it as the node of `path`. */
function make(tree: Tree, path: string, create: (at: ReturnType<Tree['paths']['parent']>) => Entry): void {
  const bytes = toBytes(path);
  const entry = create(tree.paths.parent(bytes));
  tree.paths.adopt(bytes, entry);
}

export function mknod(tree: Tree, path: string, mode: number, rdev: number): void {
  make(tree, path, ({ parent, name }) =>
    tree.operations.mknod(parent, name, { mode: modeOfNew(mode), rdev }, tree.caller),
  );
}

export function mkdir(tree: Tree, path: string, mode: number): void {
  make(tree, path, ({ parent, name }) => tree.operations.mkdir(parent, name, modeOfNew(mode), tree.caller));
}

/** The target is the first argument, as in symlink(2). */
export function symlink(tree: Tree, target: string, path: string): void {
  const bytes = toBytes(target);
  make(tree, path, ({ parent, name }) => tree.operations.symlink(parent, name, bytes, tree.caller));
}

export function link(tree: Tree, from: string, path: string): void {
  const nodeid = tree.node(from);
  make(tree, path, ({ parent, name }) => tree.operations.link(nodeid, parent, name));
}

export function unlink(tree: Tree, path: string): void {
  const bytes = toBytes(path);
  if (tree.hidden.remove(bytes)) return;
  const { parent, name } = tree.paths.parent(bytes);
  tree.operations.unlink(parent, name);
  tree.paths.drop(bytes);
}

export function rmdir(tree: Tree, path: string): void {
  const bytes = toBytes(path);
  tree.checkNoHiddenFiles(bytes);
  const { parent, name } = tree.paths.parent(bytes);
  tree.operations.rmdir(parent, name);
  tree.paths.drop(bytes);
}

export function rename(tree: Tree, from: string, to: string): void {
  const [source, target] = [toBytes(from), toBytes(to)];
  if (HiddenFiles.isHiding(source, target) && hide(tree, source, target)) return;
  tree.checkNoHiddenFiles(target);
  const old = tree.paths.parent(source);
  const next = tree.paths.parent(target);
  tree.operations.rename(old.parent, old.name, next.parent, next.name, 0);
  tree.paths.drop(source);
  tree.paths.drop(target);
  tree.hidden.move(source, target);
}

/**
 * Serves the rename by which libfuse keeps a path for an open file that is removed: removes `path`, and maps
 * `hidden` to its node. Returns false if the file is not open: then an application has renamed it to such a
 * name.
 */
function hide(tree: Tree, path: string, hidden: string): boolean {
  const nodeid = tree.paths.resolve(path);
  if (!tree.files.isOpen(nodeid)) return false;
  const { parent, name } = tree.paths.parent(path);
  tree.operations.unlink(parent, name);
  tree.hidden.add(hidden, nodeid);
  tree.paths.drop(path);
  return true;
}

/** Throws EILSEQ if the target is not UTF-8. */
export function readlink(tree: Tree, path: string): string {
  return toExactText(tree.operations.readlink(tree.node(path)));
}

export interface Libfuse2Listing {
  readonly names: string[];
  readonly stats: { readonly mode: number; readonly ino: number }[];
}

/** Lists the whole directory: libfuse reads it with one request. */
export function readdir(tree: Tree, path: string): Libfuse2Listing {
  const listing: Libfuse2Listing = { names: [], stats: [] };
  const sink: DirectorySink = {
    fits: () => true,
    add(name, ino, type) {
      listing.names.push(toText(name));
      listing.stats.push(listedStat(ino, type, tree.numbers));
    },
    addPlus() {
      throw fsError(Errno.EIO, 'entries of READDIRPLUS');
    },
  };
  tree.operations.readdir(tree.node(path), 0, sink, { plus: false, noatime: false });
  return listing;
}
