/** Unix sockets as far as Node's own do not suffice (man unix(7)). */
import { Errno, fsError } from '../../core/errno.js';
import { close } from '../files/open.js';
import { allocate, bind, check } from '../libc.js';

const socketCall = bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)');
const bindCall = bind<(fd: number, address: number, length: number) => number>('int bind(int, intptr_t, uint)');
const listenCall = bind<(fd: number, backlog: number) => number>('int listen(int, int)');
const getsockopt = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int getsockopt(int, int, int, intptr_t, intptr_t)',
);
const sendto = bind<
  (fd: number, bytes: number, length: number, flags: number, address: number, addressLength: number) => number
>('long sendto(int, intptr_t, ulong, int, intptr_t, uint)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const MSG_NOSIGNAL = 0x4000;
/** sizeof(struct sockaddr_un.sun_path). */
const PATH_BYTES = 108;

/**
 * A struct sockaddr_un and its length.
 * @param path bytes; if it begins with `@`, it is an abstract name
 */
function addressFor(path: string): { readonly address: number; readonly length: number; readonly memory: Buffer } {
  if (path.length >= PATH_BYTES) throw fsError(Errno.ENAMETOOLONG, 'sockaddr_un');
  const { buffer, address } = allocate(2 + PATH_BYTES);
  buffer.writeUInt16LE(AF_UNIX, 0);
  buffer.write(path, 2, 'latin1');
  const isAbstract = path.startsWith('@');
  if (isAbstract) buffer[2] = 0;
  // An abstract name has no NUL at its end: that would be a part of the name.
  return { address, length: 2 + path.length + (isAbstract ? 0 : 1), memory: buffer };
}

/** Makes a stream socket that listens at `path`. Throws EADDRINUSE if the name exists. */
export function listenAt(path: string, backlog: number): number {
  const { address, length } = addressFor(path);
  const fd = check(socketCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket');
  try {
    check(bindCall(fd, address, length), 'bind');
    check(listenCall(fd, backlog), 'listen');
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** The process at the other end of a connection, as it was when it connected. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The process that has connected (SO_PEERCRED). Its pid is 0 if it is not in the pid namespace of this
 * process.
 */
export function peerOf(fd: number): Peer {
  const { buffer, address } = allocate(16);
  buffer.writeUInt32LE(12, 12);
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, address, address + 12), 'getsockopt');
  return { pid: buffer.readInt32LE(0), uid: buffer.readUInt32LE(4), gid: buffer.readUInt32LE(8) };
}

/** Sends one datagram to the socket at `path`, without waiting. Throws EAGAIN if the socket is full. */
export function sendDatagram(path: string, text: string): void {
  const target = addressFor(path);
  const bytes = Buffer.from(text, 'utf8');
  const { buffer, address } = allocate(bytes.length);
  bytes.copy(buffer);
  const fd = check(socketCall(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket');
  try {
    check(sendto(fd, address, bytes.length, MSG_NOSIGNAL, target.address, target.length), 'sendto');
  } finally {
    close(fd);
  }
}
