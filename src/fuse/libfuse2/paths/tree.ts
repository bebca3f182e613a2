import type { NodeId } from '../../../core/brand.js';
import { Errno, fsError } from '../../../core/errno.js';
import type { Caller, Operations } from '../../operations.js';
import { HiddenFiles } from './hidden-files.js';
import { OpenFiles } from './open-files.js';
import { PathTable } from './path-table.js';
import { ShortNumbers } from './stat.js';
import { toBytes } from './text.js';

/**
 * What the handlers of one mount share: the file system, and what leads from libfuse's paths and numbers to
 * its nodes.
 */
export class Tree {
  readonly paths: PathTable;
  readonly files = new OpenFiles();
  readonly hidden = new HiddenFiles();
  readonly numbers = new ShortNumbers();
  /**
   * libfuse 2 knows who asks, and fuse-native does not tell: all is done as the server's user. The kernel has
   * checked the permissions (default_permissions) and applied the umask.
   */
  readonly caller: Caller = {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    pid: process.pid,
    umask: 0,
  };

  constructor(readonly operations: Operations) {
    this.paths = new PathTable(operations);
  }

  /** Of a path as fuse-native gives it. Throws ENOENT, and EILSEQ for a name that is not UTF-8. */
  node(path: string): NodeId {
    const bytes = toBytes(path);
    return this.hidden.get(bytes) ?? this.paths.resolve(bytes);
  }

  /** A directory may not go while libfuse needs its path for an open file that was removed from it. */
  checkUnused(directory: string): void {
    if (this.hidden.hasBelow(directory)) throw fsError(Errno.ENOTEMPTY, 'open files in the directory');
  }
}
