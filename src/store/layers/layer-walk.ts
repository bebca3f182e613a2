/**
 * A layer from its root down, each directory before what is in it. What is held at a time is one directory's
 * names per level and an fd each, however large the layer is.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY } from '../../core/flags.js';
import { close } from '../../sys/files/open.js';
import { statAt } from '../../sys/files/stat.js';
import { listXattrs } from '../../sys/files/xattr.js';
import { keepOwnProtection } from '../../sys/rights/own-protection.js';
import type { LayerObject, LayerSource } from '../../whiteout/layer-form.js';
import { openUntouched } from './open-untouched.js';

/** An object and its place in the layer. */
export interface WalkedObject extends LayerObject {
  /** From the layer's root, bytes; the root itself is `''`. */
  readonly path: string;
}

export interface LayerVisitor {
  /** Before what is in the directory. */
  enter(directory: WalkedObject, opaque: boolean): void;
  /** After it; not called when anything in it failed. */
  leave(directory: WalkedObject): void;
  /** Anything but a directory. */
  object(object: WalkedObject): void;
  /**
   * `name` of the layers below is hidden in the directory that was entered last; `dirfd` is the layer's own.
   */
  whiteout(dirfd: number, name: EntryName, path: string): void;
}

/**
 * Whiteouts that hide nothing are left out: beside an entry of the same name, and inside an opaque directory,
 * where old kernels take them for corruption. An opaque root hides nothing in either dialect, so whiteouts
 * below it count.
 * @param root fd of the layer's root, the caller's
 * @throws FsError with the path from the root
 */
export function walkLayer(root: number, source: LayerSource, visitor: LayerVisitor): void {
  new LayerWalk(source, visitor).visit(root, '.' as EntryName, '', false);
}

/**
 * No path of PATH_MAX bytes leads deeper; the stack and the fds of a thread do not reach much further either.
 */
const MAX_DEPTH = 2048;

class LayerWalk {
  private depth = 0;

  constructor(
    private readonly source: LayerSource,
    private readonly visitor: LayerVisitor,
  ) {}

  /** @returns whether it is a whiteout, by its attributes */
  visit(dirfd: number, name: EntryName, path: string, belowOpaque: boolean): boolean {
    return withPath(path, () => {
      const stat = new FileStat();
      if (!statAt(dirfd, name, stat)) throw new FsError(Errno.ENOENT, 'the layer is being changed', path);
      keepOwnProtection(dirfd, name, stat);
      const object: WalkedObject = { dirfd, name, path, stat, xattrs: listXattrs(dirfd, name) };
      if (this.source.isWhiteout(object)) return true;
      if (isDirectory(stat.mode)) this.directory(object, belowOpaque);
      else this.visitor.object(object);
      return false;
    });
  }

  private directory(object: WalkedObject, belowOpaque: boolean): void {
    if (this.depth >= MAX_DEPTH) throw new FsError(Errno.ENAMETOOLONG, `deeper than ${MAX_DEPTH} directories`);
    const opaque = this.source.isOpaque(object);
    const fd = openUntouched(object.dirfd, object.name, O_DIRECTORY);
    this.depth++;
    try {
      this.visitor.enter(object, opaque);
      this.content(fd, object.path, belowOpaque || (opaque && object.path !== ''));
    } finally {
      this.depth--;
      close(fd);
    }
    this.visitor.leave(object);
  }

  private content(fd: number, path: string, hidden: boolean): void {
    const entries: EntryName[] = [];
    const whiteouts = new Set<EntryName>();
    this.source.list(fd, {
      entry: (name) => entries.push(name),
      whiteout: (name) => whiteouts.add(name),
    });
    for (const name of entries) {
      whiteouts.delete(name);
      if (this.visit(fd, name, join(path, name), hidden)) whiteouts.add(name);
    }
    if (hidden) return;
    for (const name of whiteouts) this.hidden(fd, name, join(path, name));
  }

  private hidden(fd: number, name: EntryName, path: string): void {
    withPath(path, () => this.visitor.whiteout(fd, name, path));
  }
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Gives an error of `body` the path, unless it has that of something deeper. */
function withPath<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof FsError) || error.path !== undefined) throw error;
    throw new FsError(error.errno, error.syscall, path);
  }
}
