/** A dispatcher whose device is memory, and a file system that records each call. */
import type { NodeId } from '../../../src/core/brand.js';
import { FileStat } from '../../../src/core/file-stat.js';
import { Exchange } from '../../../src/fuse/handlers/exchange.js';
import type { Operations } from '../../../src/fuse/operations.js';
import type { Device } from '../../../src/fuse/serve/device.js';
import { Dispatcher } from '../../../src/fuse/serve/dispatch.js';
import { MessageMemory } from '../../../src/fuse/wire/message-memory.js';

export const attr = Object.assign(new FileStat(), {
  ino: 2 ** 40 + 5,
  size: 2 ** 33 + 1,
  blocks: 24,
  mode: 0o100644,
  nlink: 2,
  uid: 1000,
  gid: 100,
  rdevMajor: 0,
  rdevMinor: 0,
  blksize: 4096,
  atimeSec: 10,
  mtimeSec: -2,
  ctimeSec: 30,
  atimeNsec: 1,
  mtimeNsec: 2,
  ctimeNsec: 3,
});

export const entry = { nodeid: (2 ** 32 + 7) as NodeId, attr, cacheAttr: true };

export type Call = readonly [name: string, ...args: unknown[]];

const RESULTS: Record<string, unknown> = {
  lookup: entry,
  getattr: { attr, cacheAttr: true },
  birth: { sec: -40, nsec: 4 },
  setattr: { attr, cacheAttr: false },
  readlink: 'a/target',
  mknod: entry,
  mkdir: entry,
  symlink: entry,
  link: entry,
  open: { keepCache: true, backingId: 0 },
  create: { entry, opened: { keepCache: false, backingId: 3 } },
  tmpfile: { entry, opened: { keepCache: false, backingId: 0 } },
  read: 0,
  write: 0,
  writeBack: 4,
  lseek: 2 ** 34,
  copyFileRange: 4096,
  statfs: { blocks: 1, bfree: 2, bavail: 3, files: 4, ffree: 5, bsize: 6, frsize: 7, namelen: 8 },
  getxattr: Buffer.from('value'),
  listxattr: ['user.a', 'user.bc'],
  getFlags: 0x10,
  getFsxattr: Buffer.alloc(28, 1),
};

/** A copy of an argument, because the transport's objects are valid only during the call. */
function snapshot(argument: unknown): unknown {
  if (argument instanceof Buffer) return `${argument.length} bytes`;
  if (typeof argument === 'object' && argument !== null && 'uid' in argument && 'pid' in argument) {
    const { uid, gid, pid, umask } = argument as { uid: number; gid: number; pid: number; umask: number };
    return { uid, gid, pid, umask };
  }
  return argument;
}

export class Serving {
  readonly calls: Call[] = [];
  readonly sent: Buffer[] = [];
  readonly log: string[] = [];
  /** Nodes whose attributes the kernel was requested to drop. */
  readonly invalidated: number[] = [];
  /** Operations in place of the default ones. */
  readonly override: Partial<Operations> = {};
  readonly exchange: Exchange;
  readonly dispatcher: Dispatcher;
  /** The errno of the next `send`. */
  sendErrno = 0;

  constructor(timeout = 1.5, writable = true, noSync = false) {
    const operations = new Proxy({} as Operations, {
      get: (_, name: string) => {
        if (name === 'noSync') return noSync;
        return (...args: unknown[]) => {
          this.calls.push([name, ...args.map(snapshot)]);
          const replaced = this.override[name as keyof Operations];
          if (typeof replaced === 'function') return (replaced as (...args: unknown[]) => unknown)(...args);
          return RESULTS[name];
        };
      },
    });
    this.exchange = new Exchange(operations, timeout, new MessageMemory());
    this.exchange.setxattrExt = true;
    const device = {
      send: (_address: number, length: number): number => {
        this.sent.push(Buffer.from(this.exchange.reply.buffer.subarray(0, length)));
        const errno = this.sendErrno;
        this.sendErrno = 0;
        return errno;
      },
      invalidateAttributes: (nodeid: number) => this.invalidated.push(nodeid),
    } as unknown as Device;
    this.dispatcher = new Dispatcher(device, this.exchange, { writable, log: (line) => this.log.push(line) });
  }

  /** Serves one message and returns its replies. By the protocol there is one, or none. */
  serve(bytes: Buffer): Buffer[] {
    this.sent.length = 0;
    this.exchange.request.buffer.set(bytes);
    this.dispatcher.serve(bytes.length);
    return [...this.sent];
  }
}

/** The errno of a reply, 0 for success. */
export function errnoOf(reply: Buffer | undefined): number {
  if (reply === undefined) throw new Error('there was no reply');
  return Math.abs(reply.readInt32LE(4));
}
