/**
 * Walks a layer from its root down, each directory before its entries. For each level it keeps one fd and the
 * names of one directory, so its memory does not depend on the size of the layer.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError } from '../../core/errno.js';
import { isDirectory } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY } from '../../core/flags.js';
import { close } from '../../sys/files/open.js';
import { statAt } from '../../sys/files/stat.js';
import { listXattrs } from '../../sys/files/xattr.js';
import { clearForeignProtection } from '../../sys/rights/own-protection.js';
import type { LayerObject, LayerSource } from '../../whiteout/layer-form.js';
import { openUntouched } from './open-untouched.js';

/** An object and its place in the layer. */
export interface WalkedObject extends LayerObject {
  /** From the layer's root, bytes; the root itself is `''`. */
  readonly path: string;
}

/** The calls that {@link walkLayer} makes. */
export interface LayerVisitor {
  /** Called for a directory before its entries. */
  enter(directory: WalkedObject, properties: { readonly isOpaque: boolean }): void;
  /** Called for a directory after its entries, unless one of them failed. */
  leave(directory: WalkedObject): void;
  /** Called for every object that is not a directory. */
  object(object: WalkedObject): void;
  /**
   * Called when the directory that was entered last hides `name` of the layers below. `dirfd` is this
   * directory of the walked layer.
   */
  whiteout(dirfd: number, name: EntryName, path: string): void;
}

/**
 * Walks a layer. It skips whiteouts that hide nothing: beside an entry of the same name, and below an opaque
 * directory, where old kernels report them as corruption. An opaque root hides nothing in either dialect, so
 * whiteouts below it are not skipped.
 * @param root the fd of the layer's root; the caller owns it
 * @throws FsError with the path from the root
 */
export function walkLayer(root: number, source: LayerSource, visitor: LayerVisitor): void {
  new LayerWalk(source, visitor).visit({ dirfd: root, name: '.' as EntryName, path: '' }, { belowOpaque: false });
}

/** An entry, before its attributes have been read. */
type Entry = Pick<WalkedObject, 'dirfd' | 'name' | 'path'>;

/**
 * The depth limit: no path of PATH_MAX bytes is deeper, and a thread's stack and fds would not suffice for
 * much more.
 */
const MAX_DEPTH = 2048;

/** One walk, with its present depth. */
class LayerWalk {
  private depth = 0;

  constructor(
    private readonly source: LayerSource,
    private readonly visitor: LayerVisitor,
  ) {}

  /** @returns whether the entry is a whiteout, by its attributes */
  visit({ dirfd, name, path }: Entry, { belowOpaque }: { belowOpaque: boolean }): boolean {
    return withPath(path, () => {
      const stat = new FileStat();
      if (!statAt(dirfd, name, stat)) throw new FsError(Errno.ENOENT, 'the layer is being changed', path);
      clearForeignProtection(dirfd, name, stat);
      const object: WalkedObject = { dirfd, name, path, stat, xattrs: listXattrs(dirfd, name) };
      if (this.source.isWhiteout(object)) return true;
      if (isDirectory(stat.mode)) this.directory(object, { belowOpaque });
      else this.visitor.object(object);
      return false;
    });
  }

  /** Visits a directory and its entries. */
  private directory(object: WalkedObject, { belowOpaque }: { belowOpaque: boolean }): void {
    if (this.depth >= MAX_DEPTH) throw new FsError(Errno.ENAMETOOLONG, `deeper than ${MAX_DEPTH} directories`);
    const isOpaque = this.source.isOpaque(object);
    const fd = openUntouched(object.dirfd, object.name, O_DIRECTORY);
    this.depth++;
    try {
      this.visitor.enter(object, { isOpaque });
      this.entries(fd, object.path, { belowOpaque: belowOpaque || (isOpaque && object.path !== '') });
    } finally {
      this.depth--;
      close(fd);
    }
    this.visitor.leave(object);
  }

  /** Visits the entries of a directory, and then reports its whiteouts. */
  private entries(fd: number, path: string, { belowOpaque }: { belowOpaque: boolean }): void {
    const entries: EntryName[] = [];
    const whiteouts = new Set<EntryName>();
    this.source.list(fd, {
      entry: (name) => entries.push(name),
      whiteout: (name) => whiteouts.add(name),
    });
    for (const name of entries) {
      whiteouts.delete(name);
      if (this.visit({ dirfd: fd, name, path: join(path, name) }, { belowOpaque })) whiteouts.add(name);
    }
    if (belowOpaque) return;
    for (const name of whiteouts) this.whiteout(fd, name, join(path, name));
  }

  private whiteout(fd: number, name: EntryName, path: string): void {
    withPath(path, () => this.visitor.whiteout(fd, name, path));
  }
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Calls `body`. Adds the path to its error, unless the error has a path already. */
function withPath<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof FsError) || error.path !== undefined) throw error;
    throw new FsError(error.errno, error.reason, path);
  }
}
