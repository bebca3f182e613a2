import type { NodeId } from '../../../core/brand.js';
import { Errno, fsError } from '../../../core/errno.js';

interface NumberedFile {
  readonly nodeid: NodeId;
  /** The flags of the open. The operations need them again at the release. */
  readonly flags: number;
}

/** fuse-native keeps the number of an open file in an int32. */
const LAST_NUMBER = 0x7fff_ffff;

/**
 * The numbers by which fuse-native names open files. Each open of a node gets a number of its own, which is
 * valid until its release.
 */
export class OpenNumbers {
  private readonly files = new Map<number, NumberedFile>();
  private readonly opens = new Map<NodeId, number>();
  private last = 0;

  /** Returns a number larger than 0: in fuse-native 0 means no file. */
  add(nodeid: NodeId, flags: number): number {
    do this.last = this.last === LAST_NUMBER ? 1 : this.last + 1;
    while (this.files.has(this.last));
    this.files.set(this.last, { nodeid, flags });
    this.opens.set(nodeid, (this.opens.get(nodeid) ?? 0) + 1);
    return this.last;
  }

  get(number: number): NodeId {
    return this.find(number).nodeid;
  }

  isOpen(nodeid: NodeId): boolean {
    return this.opens.has(nodeid);
  }

  remove(number: number): NumberedFile {
    const file = this.find(number);
    this.files.delete(number);
    const remaining = (this.opens.get(file.nodeid) ?? 1) - 1;
    if (remaining === 0) this.opens.delete(file.nodeid);
    else this.opens.set(file.nodeid, remaining);
    return file;
  }

  get size(): number {
    return this.files.size;
  }

  private find(number: number): NumberedFile {
    const file = this.files.get(number);
    if (file === undefined) throw fsError(Errno.EBADF, 'open file');
    return file;
  }
}
