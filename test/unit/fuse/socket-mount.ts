/**
 * A mount whose kernel is the test: a session on one end of a pair of sockets, and a file system that records
 * each call. The thread that serves it is that of the test, so the test acts inside of these calls.
 */

import type { ServingLoop } from '../../../src/fuse/loop/serving-loop.js';
import { type Operations, Parked, type SyncFd } from '../../../src/fuse/operations.js';
import { Device } from '../../../src/fuse/serve/device.js';
import { Session } from '../../../src/fuse/serve/session.js';
import { Opcode } from '../../../src/fuse/wire/abi.js';
import { setNonBlocking } from '../../../src/sys/process/fd-passing.js';
import { drainTimer, openTimerfd, ringTimer } from '../../../src/sys/waiting/timerfd.js';
import { packetPair, receive } from '../../fuzz/packet-pair.js';
import * as sys from '../../harness/sys/index.js';
import { message, text, u32, u64 } from './kernel-message.js';
import { errnoOf } from './serving.js';

const INIT = message(Opcode.INIT, [u32(7, 45, 131072, 0xffffffff, 0), Buffer.alloc(44)], { unique: 1 });

export class SocketMount {
  readonly session: Session;
  readonly log: string[] = [];
  /** How many lookups and fsyncs were served. */
  lookups = 0;
  fsyncs = 0;
  isClosed = false;
  /** The keys that the file system reports as completed. */
  readonly completed: number[] = [];
  /** Called in each lookup, with its name. */
  onLookup: (name: string) => void = () => {};
  /** Called when no request waits. */
  onPrefetch: () => boolean = () => false;
  /** Called in FSYNC and FSYNCDIR. */
  onSync: (datasync: boolean, syncFd: SyncFd | undefined) => void = () => {};
  /** FSYNC waits for this key; 0: it succeeds. */
  parkedBy = 0;
  /** Called before the device is closed. */
  onClosing: () => void = () => {};
  private readonly kernel: number;
  private readonly completionFd: number;
  private unique = 2;
  private isBroken = false;

  /** @param completionFd in place of a timerfd of its own */
  constructor(loop: ServingLoop, completionFd = openTimerfd()) {
    const [device, kernel] = packetPair(0);
    setNonBlocking(device);
    setNonBlocking(kernel);
    this.kernel = kernel;
    this.completionFd = completionFd;
    sys.write(kernel, INIT);
    const log = (line: string): void => void this.log.push(line);
    const closing = (): void => this.onClosing();
    const options = { timeout: 1, passthrough: 'off', writable: true, log, closing } as const;
    this.session = new Session(new Device(device, log, loop.memory.store), this.operations(), options, loop.memory);
    this.session.handshake();
    receive(kernel);
  }

  /** Queues a request. Returns its number. */
  ask(opcode: number, body: readonly Buffer[] = []): number {
    const unique = this.unique;
    this.unique += 2;
    sys.write(this.kernel, message(opcode, body, { unique }));
    return unique;
  }

  lookup(name: string): number {
    return this.ask(Opcode.LOOKUP, [text(name)]);
  }

  fsync(): number {
    return this.ask(Opcode.FSYNC, [u64(0), u32(0, 0)]);
  }

  /** Reports `key` as completed, as a helper thread does. */
  complete(key: number): void {
    this.completed.push(key);
    ringTimer(this.completionFd, 500);
  }

  /** The replies that wait: the number of the request and the errno. */
  replies(): (readonly [unique: number, errno: number])[] {
    return receive(this.kernel).map((reply) => [Number(reply.readBigUInt64LE(8)), errnoOf(reply)] as const);
  }

  /** The kernel's end breaks, so that reading the device fails with ECONNRESET if replies wait there. */
  breakConnection(): void {
    if (this.isBroken) return;
    this.isBroken = true;
    sys.close(this.kernel);
  }

  private operations(): Operations {
    const served: Partial<Operations> = {
      xattrs: 'all',
      noSync: false,
      nodeCount: 1,
      completionFd: this.completionFd,
      attach: () => {},
      lookup: (_parent, name) => {
        this.lookups++;
        this.onLookup(name);
        return null;
      },
      fsync: (_nodeid, datasync, syncFd) => {
        if (this.parkedBy !== 0) throw new Parked(this.parkedBy);
        this.fsyncs++;
        this.onSync(datasync, syncFd);
      },
      fsyncdir: (_nodeid, datasync, syncFd) => this.onSync(datasync, syncFd),
      prefetch: () => this.onPrefetch(),
      takeCompleted: () => {
        drainTimer(this.completionFd);
        return this.completed.splice(0);
      },
      close: () => {
        this.isClosed = true;
        sys.close(this.completionFd);
      },
    };
    return served as Operations;
  }
}
