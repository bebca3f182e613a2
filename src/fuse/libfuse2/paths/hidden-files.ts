import type { NodeId } from '../../../core/brand.js';

/** lib/fuse.c:hidden_name of libfuse 2. */
const HIDDEN = /^\.fuse_hidden[0-9a-f]{16}$/;

/**
 * Files that are removed while they are open.
 *
 * libfuse 2 must have a path for every request, so it renames such a file to `.fuse_hidden…` in the same
 * directory instead, and removes that name after the last close. Here the file is removed at once, so that
 * nothing of that shows or is left in the upper after a crash, and the new name leads to its node for as long
 * as libfuse uses it. The node is held by its opens.
 */
export class HiddenFiles {
  private readonly nodes = new Map<string, NodeId>();

  /** Whether a rename is libfuse hiding an open file. */
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

  /** Returns whether it was there. */
  remove(path: string): boolean {
    return this.nodes.delete(path);
  }

  /** Whether libfuse still needs the path of `directory`. */
  hasBelow(directory: string): boolean {
    for (const path of this.nodes.keys()) if (path.startsWith(`${directory}/`)) return true;
    return false;
  }

  /** A directory was renamed: libfuse names what is below it by the new path. */
  move(from: string, to: string): void {
    for (const [path, nodeid] of [...this.nodes]) {
      if (!path.startsWith(`${from}/`)) continue;
      this.nodes.delete(path);
      this.nodes.set(to + path.slice(from.length), nodeid);
    }
  }
}
