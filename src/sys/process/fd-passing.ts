/** Receives a file descriptor over a pair of connected sockets (man unix(7), SCM_RIGHTS). */
import { Errno, fsError } from '../../core/errno.js';
import { allocate, bind, check } from '../libc.js';

const socketpairCall = bind<(domain: number, type: number, protocol: number, pair: number) => number>(
  'int socketpair(int, int, int, intptr_t)',
);
const recvmsg = bind<(fd: number, message: number, flags: number) => number>('long recvmsg(int, intptr_t, int)');
const fcntlCall = bind<(fd: number, command: number, argument: number) => number>('int fcntl(int, int, long)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
/** CMSG_SPACE(sizeof(int)) and CMSG_LEN(sizeof(int)) on 64-bit Linux. */
const CMSG_SPACE = 24;
const CMSG_LEN = 20;

export function socketPair(): [number, number] {
  const pair = allocate(8);
  check(socketpairCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.address), 'socketpair');
  return [pair.buffer.readInt32LE(0), pair.buffer.readInt32LE(4)];
}

/** Receives one fd. Throws EPROTO if the peer closed without sending one. */
export function receiveFd(socket: number): number {
  const byte = allocate(8);
  const iov = allocate(16);
  iov.buffer.writeBigUInt64LE(BigInt(byte.address), 0);
  iov.buffer.writeBigUInt64LE(1n, 8);
  const control = allocate(CMSG_SPACE);
  const message = allocate(56); // struct msghdr
  message.buffer.writeBigUInt64LE(BigInt(iov.address), 16);
  message.buffer.writeBigUInt64LE(1n, 24);
  message.buffer.writeBigUInt64LE(BigInt(control.address), 32);
  message.buffer.writeBigUInt64LE(BigInt(CMSG_SPACE), 40);
  const got = check(recvmsg(socket, message.address, MSG_CMSG_CLOEXEC), 'recvmsg');
  if (got === 0 || control.buffer.readUInt32LE(0) !== CMSG_LEN) throw fsError(Errno.EPROTO, 'recvmsg');
  return control.buffer.readInt32LE(16);
}

/** Makes programs that this process starts not inherit `fd` (man fcntl(2), FD_CLOEXEC). */
export function closeOnExec(fd: number): void {
  check(fcntlCall(fd, F_SETFD, FD_CLOEXEC), 'fcntl');
}

/** Sets O_NONBLOCK on the open file of `fd`. */
export function setNonBlocking(fd: number): void {
  const flags = check(fcntlCall(fd, F_GETFL, 0), 'fcntl');
  check(fcntlCall(fd, F_SETFL, flags | O_NONBLOCK), 'fcntl');
}
