/** A FUSE file system that reads requests and never answers. */
import { closeSync, openSync, read, readSync, writeSync } from 'node:fs';
import { isErrno } from '../../../src/core/errno.js';
import { MNT_DETACH, mountFs, umountFs } from '../../../src/sys/mount.js';

const MNT_FORCE = 1;
/** Larger than any request without data; the kernel wants at least 8 KiB (FUSE_MIN_READ_BUFFER). */
const REQUEST_BYTES = 1024 * 1024 + 4096;
/** sizeof(struct fuse_out_header) and sizeof(struct fuse_init_out), linux/fuse.h. */
const HEADER_BYTES = 16;
const INIT_BYTES = 64;

/**
 * A process that waits for its answer cannot even be killed, because a server has its request already: so
 * processes wait for sshfs when the network is down.
 */
export class SilentFilesystem {
  /** How many requests wait for an answer. */
  requests = 0;

  private constructor(
    readonly mountpoint: string,
    private readonly fd: number,
  ) {}

  static mount(mountpoint: string): SilentFilesystem {
    const fd = openSync('/dev/fuse', 'r+');
    mountFs('silent', mountpoint, 'fuse', 0, `fd=${fd},rootmode=40000,user_id=0,group_id=0,allow_other`);
    const made = new SilentFilesystem(mountpoint, fd);
    made.answerInit();
    made.swallow(Buffer.alloc(REQUEST_BYTES));
    return made;
  }

  /** Frees all who wait, and unmounts. */
  unmount(): void {
    // It aborts first; then it can find the mount in use.
    for (const flags of [MNT_FORCE, MNT_DETACH]) {
      try {
        umountFs(this.mountpoint, flags);
      } catch (error) {
        if (!isErrno(error, 'EBUSY', 'EINVAL')) throw error;
      }
    }
  }

  private answerInit(): void {
    const request = Buffer.alloc(REQUEST_BYTES);
    readSync(this.fd, request);
    const answer = Buffer.alloc(HEADER_BYTES + INIT_BYTES);
    answer.writeUInt32LE(answer.length, 0);
    request.copy(answer, 8, 8, 16);
    answer.writeUInt32LE(7, HEADER_BYTES);
    answer.writeUInt32LE(31, HEADER_BYTES + 4);
    // max_write
    answer.writeUInt32LE(4096, HEADER_BYTES + 20);
    writeSync(this.fd, answer);
  }

  /** Reads requests until the file system is unmounted. */
  private swallow(buffer: Buffer): void {
    read(this.fd, buffer, 0, buffer.length, null, (error) => {
      if (error?.code === 'ENODEV') {
        closeSync(this.fd);
        return;
      }
      if (error === null) this.requests++;
      this.swallow(buffer);
    });
  }
}
