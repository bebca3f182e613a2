import type { NodeId } from '../../../core/brand.js';

/** lib/fuse.c:hidden_name of libfuse 2. */
const HIDDEN = /^\.fuse_hidden[0-9a-f]{16}$/;

/**
 * Files that are removed while they are open.
 *
 * libfuse 2 needs a path for every request. So it renames such a file to `.fuse_hidden…` in the same
 * directory, and removes that name after the last close. This transport removes the file at once, so that no
 * such name is visible, or in the upper after a crash. As long as libfuse uses the new name, this class maps
 * it to the node of the file. The opens of the file keep the node.
 */
export class HiddenFiles {
  private readonly nodes = new Map<string, NodeId>();

  /** Whether libfuse makes the rename to hide an open file. */
  static isHiding(from: string, to: string): boolean {
    const slash = to.lastIndexOf('/');
    return HIDDEN.test(to.slice(slash + 1)) && from.lastIndexOf('/') === slash && from.startsWith(to.slice(0, slash));
  }

  add(path: string, nodeid: NodeId): void {
    this.nodes.set(path, nodeid);
  }

  get(path: string): NodeId | undefined {
    return this.nodes.size === 0 ? undefined : this.nodes.get(path);
  }

  /** Returns whether `path` was the path of a hidden file. */
  remove(path: string): boolean {
    return this.nodes.delete(path);
  }

  /** Whether libfuse still needs the path of `directory`. */
  hasBelow(directory: string): boolean {
    for (const path of this.nodes.keys()) if (path.startsWith(`${directory}/`)) return true;
    return false;
  }

  /** Follows the rename of a directory: libfuse uses the new path for the hidden files below it. */
  move(from: string, to: string): void {
    for (const [path, nodeid] of [...this.nodes]) {
      if (!path.startsWith(`${from}/`)) continue;
      this.nodes.delete(path);
      this.nodes.set(to + path.slice(from.length), nodeid);
    }
  }
}
