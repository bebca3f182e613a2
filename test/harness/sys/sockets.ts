/** Unix sockets by their names in a file system. */
import { allocate, bind, check } from './call.js';
import { close } from './files.js';

const socketCall = bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)');
const bindCall = bind<(fd: number, address: number, size: number) => number>('int bind(int, intptr_t, uint)');
const connectCall = bind<(fd: number, address: number, size: number) => number>('int connect(int, intptr_t, uint)');
const listenCall = bind<(fd: number, backlog: number) => number>('int listen(int, int)');

const AF_UNIX = 1;
/** SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK: connect(2) must return without waiting for an accept(2). */
const TYPE = 1 | 0o2000000 | 0o4000;

function withSocket<T>(path: string, body: (fd: number, address: number, size: number) => T): T {
  const fd = check(socketCall(AF_UNIX, TYPE, 0), 'socket', path);
  const { buffer, address } = allocate(110);
  buffer.fill(0);
  buffer.writeUInt16LE(AF_UNIX, 0);
  buffer.write(path, 2, 'latin1');
  try {
    return body(fd, address, 2 + path.length + 1);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Makes a socket with this path of at most 107 bytes. Others can connect to it while the returned descriptor
 * is open.
 */
export function listenAt(path: string): number {
  return withSocket(path, (fd, address, size) => {
    check(bindCall(fd, address, size), 'bind', path);
    check(listenCall(fd, 1000), 'listen', path);
    return fd;
  });
}

/** Connects to the listening socket at this path, and closes the connection. */
export function connectTo(path: string): void {
  const fd = withSocket(path, (socket, address, size) => {
    check(connectCall(socket, address, size), 'connect', path);
    return socket;
  });
  close(fd);
}
