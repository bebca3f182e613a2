/**
 * Memory for the messages that one thread exchanges with the kernel. The thread serves one request after the
 * other, and nothing refers to a message after its request: so all sessions of a thread share this memory,
 * and one more mount needs none.
 */
import { allocate } from '../../sys/libc.js';
import { MAX_DATA, PAGE_SIZE } from './abi.js';
import { NotifyStoreOut, OutHeader } from './reply-structs.js';

/** Nearly all files of a source tree or of /etc are smaller. The kernel reads larger ones with READ. */
export const STORE_LIMIT = 64 << 10;

export class MessageMemory {
  readonly request = allocate(MAX_DATA + 2 * PAGE_SIZE);
  readonly reply = allocate(OutHeader.sizeof + MAX_DATA + (64 << 10));
  /** For a notification with the data of a small file. An operation sends it while the request is in use. */
  readonly store = allocate(OutHeader.sizeof + NotifyStoreOut.sizeof + STORE_LIMIT);
}
