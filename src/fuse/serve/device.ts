/** The open /dev/fuse of one mount: reads and writes messages, and registers backing files. Owns the fd. */
import type { NodeId } from '../../core/brand.js';
import { Errno, errnoName } from '../../core/errno.js';
import { tryPread, tryRead, tryWrite } from '../../sys/files/file-io.js';
import { close } from '../../sys/files/open.js';
import { tryIoctl } from '../../sys/ioctl.js';
import { allocate, type Memory } from '../../sys/libc.js';
import type { KernelChannel } from '../operations.js';
import { DEV_IOC_BACKING_CLOSE, DEV_IOC_BACKING_OPEN, NOTIFY_INVAL_INODE, NOTIFY_STORE } from '../wire/abi.js';
import { STORE_LIMIT } from '../wire/message-memory.js';
import { OutMessage } from '../wire/out-message.js';
import { BackingMap, NotifyInvalInodeOut, NotifyStoreOut, OutHeader } from '../wire/reply-structs.js';
import type { Request } from '../wire/request.js';

/** A negative offset: attributes and ACLs only, the pages stay (fs/fuse/inode.c:fuse_reverse_inval_inode). */
const ATTRIBUTES_ONLY = -1;
const FROM_THE_BEGINNING = 0;
/** A length of 0 means all of the file from the offset on. */
const TO_THE_END = 0;

/**
 * Errnos of a notification that are no failure. ENOENT: the kernel has forgotten the node, and with it all
 * that it cached. ENOTCONN, ENODEV: the mount no longer exists. ENOMEM: there was no page for the data to be
 * stored; the kernel will read it with READ.
 */
const TOLERATED = new Set<number>([Errno.ENOENT, Errno.ENOTCONN, Errno.ENODEV, Errno.ENOMEM]);

export class Device implements KernelChannel {
  /** The argument of the ioctls: a fuse_backing_map, or a backing id of 32 bits. */
  private readonly argument = allocate(BackingMap.sizeof);
  private readonly invalidation = new OutMessage(allocate(OutHeader.sizeof + NotifyInvalInodeOut.sizeof));
  private readonly store: OutMessage;
  /** Set by the session, if it shares its thread: see {@link KernelChannel.syncInBackground}. */
  backgroundSync: KernelChannel['syncInBackground'] | null = null;
  private open = true;

  /** @param store memory for {@link storeData} */
  constructor(
    readonly fd: number,
    private readonly log: (line: string) => void,
    store: Memory,
  ) {
    this.store = new OutMessage(store);
  }

  /** Reads the next message. Returns its length, or a negative errno. */
  receive(request: Request): number {
    return tryRead(this.fd, request.address, request.capacity);
  }

  /** Writes one whole message. Returns 0, or a positive errno. */
  send(address: number, length: number): number {
    const written = tryWrite(this.fd, address, length);
    return written < 0 ? -written : 0;
  }

  backingOpen(fd: number): number {
    const { buffer, address } = this.argument;
    buffer.fill(0);
    buffer.writeInt32LE(fd, BackingMap.fd);
    return tryIoctl(this.fd, DEV_IOC_BACKING_OPEN, address);
  }

  backingClose(backingId: number): void {
    const { buffer, address } = this.argument;
    buffer.writeUInt32LE(backingId);
    const result = tryIoctl(this.fd, DEV_IOC_BACKING_CLOSE, address);
    if (result < 0) this.log(`backing file ${backingId} cannot be closed (${errnoName(-result)})`);
  }

  invalidateAttributes(nodeid: NodeId): void {
    this.invalidateInode(nodeid, ATTRIBUTES_ONLY);
  }

  /**
   * The kernel waits here until no page is locked, and a page is locked while a READ or WRITE of it has no
   * reply. So the thread hangs forever if requests of the node are unanswered. An operation on the node
   * itself can call this only if no other reader or writer can have a request queued.
   */
  invalidateData(nodeid: NodeId): void {
    this.invalidateInode(nodeid, FROM_THE_BEGINNING);
  }

  get storeLimit(): number {
    return STORE_LIMIT;
  }

  /**
   * The kernel waits here too until no page is locked (see {@link invalidateData}). It still reads with READ
   * all pages that are not stored, and the last one if it believes that the file is longer
   * (fs/fuse/dev.c:fuse_notify_store).
   */
  storeData(nodeid: NodeId, fd: number, size: number): void {
    const { store } = this;
    const data = store.address + OutHeader.sizeof + NotifyStoreOut.sizeof;
    // If this read is short or fails, nothing is stored. The READ of a caller then gets the error.
    if (size > STORE_LIMIT || tryPread(fd, data, size, 0) !== size) return;
    store.setU64(NotifyStoreOut.nodeid, nodeid);
    store.setU64(NotifyStoreOut.offset, FROM_THE_BEGINNING);
    store.setU32(NotifyStoreOut.size, size);
    store.setU32(NotifyStoreOut.padding, 0);
    this.notify(store, NOTIFY_STORE, NotifyStoreOut.sizeof + size, `data of node ${nodeid} cannot be stored`);
  }

  syncInBackground(fd: number, done: (errno: number) => void): boolean {
    return this.backgroundSync?.(fd, done) ?? false;
  }

  private invalidateInode(nodeid: NodeId, offset: number): void {
    const { invalidation } = this;
    invalidation.setU64(NotifyInvalInodeOut.ino, nodeid);
    invalidation.setI64(NotifyInvalInodeOut.off, offset);
    invalidation.setI64(NotifyInvalInodeOut.len, TO_THE_END);
    const { sizeof } = NotifyInvalInodeOut;
    this.notify(invalidation, NOTIFY_INVAL_INODE, sizeof, `node ${nodeid} cannot be invalidated`);
  }

  /** @param failure the line to log if the kernel refuses the message */
  private notify(message: OutMessage, code: number, bodyLength: number, failure: string): void {
    const errno = this.send(message.address, message.setHeader(bodyLength, code, 0));
    if (errno !== 0 && !TOLERATED.has(errno)) this.log(`${failure} (${errnoName(errno)})`);
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    close(this.fd);
  }
}
