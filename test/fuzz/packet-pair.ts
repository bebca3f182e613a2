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

export function packetPair(): [number, number] {
  const { buffer, address } = allocate(8);
  check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, address), 'socketpair', 'SOCK_SEQPACKET');
  const pair: [number, number] = [buffer.readInt32LE(0), buffer.readInt32LE(4)];
  const size = allocate(4);
  size.buffer.writeInt32LE(BYTES, 0);
  for (const fd of pair) check(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, size.address, 4), 'setsockopt', fd);
  return pair;
}

/** Reads all messages that wait at `fd`, whose other end is closed. */
export function receive(fd: number): Buffer[] {
  const messages: Buffer[] = [];
  for (;;) {
    const got = sys.read(fd, LARGEST_REPLY);
    if (got.length === 0) return messages;
    messages.push(Buffer.from(got));
  }
}
