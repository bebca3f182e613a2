import type { NodeId } from '../../../core/brand.js';
import { Errno, fsError } from '../../../core/errno.js';
import type { Caller, Operations } from '../../operations.js';
import { HiddenFiles } from './hidden-files.js';
import { OpenNumbers } from './open-numbers.js';
import { PathTable } from './path-table.js';
import { ShortNumbers } from './stat.js';
import { toBytes } from './text.js';

/** The file system of one mount, and the tables that map libfuse's paths and numbers to its nodes. */
export class Tree {
  readonly paths: PathTable;
  readonly files = new OpenNumbers();
  readonly hidden = new HiddenFiles();
  readonly numbers = new ShortNumbers();
  /**
   * The server's user, as the caller of every request: fuse-native does not pass the caller on. The kernel
   * has checked the permissions (default_permissions) and applied the umask.
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

  /**
   * The node of a path, which is a string of fuse-native. Throws ENOENT, and EILSEQ if a name is not UTF-8.
   */
  node(path: string): NodeId {
    const bytes = toBytes(path);
    return this.hidden.get(bytes) ?? this.paths.resolve(bytes);
  }

  /** Throws ENOTEMPTY if libfuse needs the path of `directory` for an open file that was removed from it. */
  checkNoHiddenFiles(directory: string): void {
    if (this.hidden.hasBelow(directory)) throw fsError(Errno.ENOTEMPTY, 'open files in the directory');
  }
}
