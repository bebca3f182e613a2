/** A pair of sockets that keep message boundaries, as /dev/fuse does (man unix(7), SOCK_SEQPACKET). */
import { allocate, bind, check } from '../harness/sys/call.js';
import * as sys from '../harness/sys/index.js';

const socketpair = bind<(domain: number, type: number, protocol: number, pair: number) => number>(
  'int socketpair(int, int, int, intptr_t)',
);
const setsockopt = bind<(fd: number, level: number, name: number, value: number, size: number) => number>(
  'int setsockopt(int, int, int, intptr_t, uint)',
);

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
/** Room for replies of one MiB that the test has not read yet. */
const BYTES = 64 << 20;
/** More bytes than the largest reply has. */
const LARGEST_REPLY = (1 << 20) + (64 << 10);

/**
 * @param room how many bytes can wait at each end; more than the system's default need root; 0: the default
 */
export function packetPair(room = BYTES): [number, number] {
  const { buffer, address } = allocate(8);
  check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, address), 'socketpair', 'SOCK_SEQPACKET');
  const pair: [number, number] = [buffer.readInt32LE(0), buffer.readInt32LE(4)];
  if (room === 0) return pair;
  const size = allocate(4);
  size.buffer.writeInt32LE(room, 0);
  for (const fd of pair) check(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size.address, 4), 'setsockopt', fd);
  return pair;
}

/** Reads all messages that wait at `fd`, which does not block. */
export function receive(fd: number): Buffer[] {
  const messages: Buffer[] = [];
  for (;;) {
    const got = readMessage(fd);
    if (got.length === 0) return messages;
    messages.push(Buffer.from(got));
  }
}

/** Returns no bytes if no message waits and the other end is open, too. */
function readMessage(fd: number): Buffer {
  try {
    return sys.read(fd, LARGEST_REPLY);
  } catch (error) {
    if (error instanceof sys.SysError && error.code === 'EAGAIN') return Buffer.alloc(0);
    throw error;
  }
}
