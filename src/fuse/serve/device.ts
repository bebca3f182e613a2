/**
 * The open /dev/fuse of one mount: messages in, messages out, and what else its fd can be told. Owns the fd.
 */
import type { NodeId } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { tryPread, tryRead, tryWrite } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import { tryIoctl } from '../../sys/ioctl.js';
import { allocate } from '../../sys/libc.js';
import { HIGH_WORD } from '../../sys/u64.js';
import type { KernelChannel } from '../operations.js';
import {
  DEV_IOC_BACKING_CLOSE,
  DEV_IOC_BACKING_OPEN,
  NOTIFY_INVAL_INODE,
  NOTIFY_STORE,
  OUT_HEADER,
} from '../wire/abi.js';
import type { Request } from '../wire/request.js';

/** Out header and struct fuse_notify_inval_inode_out. */
const INVAL_INODE_SIZE = OUT_HEADER + 24;
/** A negative offset: attributes and ACLs only, the pages stay (fs/fuse/inode.c:fuse_reverse_inval_inode). */
const ATTRIBUTES_ONLY = -1;
/** Out header and struct fuse_notify_store_out; the data follows. */
const STORE_HEADER = OUT_HEADER + 24;
/** Nearly all files of a source tree or of /etc are smaller; of a larger one READ asks for what is wanted. */
const STORE_LIMIT = 64 << 10;

/** Of a notification; 0 is none. */
const TOLERATED = new Set<number>([0, Errno.ENOENT, Errno.ENOTCONN, Errno.ENODEV, Errno.ENOMEM]);

export class Device implements KernelChannel {
  private readonly scratch = allocate(INVAL_INODE_SIZE);
  private readonly words = new Uint32Array(this.scratch.buffer.buffer);
  private readonly store = allocate(STORE_HEADER + STORE_LIMIT);
  private readonly storeWords = new Uint32Array(this.store.buffer.buffer);
  private open = true;

  constructor(
    readonly fd: number,
    private readonly log: (line: string) => void,
  ) {}

  /** Reads the next message. Returns its length, or a negative errno. */
  receive(request: Request): number {
    return tryRead(this.fd, request.address, request.capacity);
  }

  /** Writes one whole message. Returns 0, or a positive errno. */
  send(address: number, length: number): number {
    const put = tryWrite(this.fd, address, length);
    return put < 0 ? -put : 0;
  }

  backingOpen(fd: number): number {
    this.words.fill(0);
    this.words[0] = fd;
    return tryIoctl(this.fd, DEV_IOC_BACKING_OPEN, this.scratch.address);
  }

  backingClose(backingId: number): void {
    this.words[0] = backingId;
    const result = tryIoctl(this.fd, DEV_IOC_BACKING_CLOSE, this.scratch.address);
    if (result < 0) this.log(`closing backing file ${backingId} failed: errno ${-result}`);
  }

  invalidateAttributes(nodeid: NodeId): void {
    this.invalidateInode(nodeid, ATTRIBUTES_ONLY);
  }

  /**
   * The kernel waits for locked pages here, and a page under a READ or a WRITE that has not been answered is
   * locked: to call this for a node while requests of it are unanswered stops the thread for ever. From
   * within an operation on the same node it is safe only when no other reader or writer can have a request
   * queued.
   */
  invalidateData(nodeid: NodeId): void {
    this.invalidateInode(nodeid, 0);
  }

  get storeLimit(): number {
    return STORE_LIMIT;
  }

  /**
   * The kernel waits for locked pages here as well (see {@link invalidateData}). A page beyond those that are
   * stored, and the last one if the kernel believes the file to be longer, is asked for as ever
   * (fs/fuse/dev.c:fuse_notify_store).
   */
  storeData(nodeid: NodeId, fd: number, size: number): void {
    const { address } = this.store;
    // Short, or an error: READ meets it again, and its reader is told.
    if (size > STORE_LIMIT || tryPread(fd, address + STORE_HEADER, size, 0) !== size) return;
    const words = this.storeWords;
    words[0] = STORE_HEADER + size;
    words[1] = NOTIFY_STORE;
    words[2] = 0; // unique 0: answers no request
    words[3] = 0;
    words[4] = nodeid;
    words[5] = nodeid / HIGH_WORD;
    words[6] = 0; // from the beginning
    words[7] = 0;
    words[8] = size;
    words[9] = 0;
    this.notify(address, STORE_HEADER + size, 'storing data of', nodeid);
  }

  private invalidateInode(nodeid: NodeId, offset: number): void {
    const { words } = this;
    words[0] = INVAL_INODE_SIZE;
    words[1] = NOTIFY_INVAL_INODE;
    words[2] = 0; // unique 0: answers no request
    words[3] = 0;
    words[4] = nodeid;
    words[5] = nodeid / HIGH_WORD;
    words[6] = offset;
    words[7] = offset < 0 ? -1 : 0;
    words[8] = 0; // a length of 0: to the end
    words[9] = 0;
    this.notify(this.scratch.address, INVAL_INODE_SIZE, 'invalidating', nodeid);
  }

  private notify(address: number, length: number, what: string, nodeid: NodeId): void {
    const errno = this.send(address, length);
    // ENOENT: the kernel has forgotten the node, and with it all that it cached. ENOTCONN, ENODEV: so is the
    // mount. ENOMEM: there was no page for the data that was to be stored; READ will ask for it.
    if (TOLERATED.has(errno)) return;
    this.log(`${what} node ${nodeid} failed: errno ${errno}`);
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    close(this.fd);
  }
}
