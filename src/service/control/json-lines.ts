/** Objects over a stream socket, one JSON object in each line. */
import type { Socket } from 'node:net';

/** The longest line, in characters: a mount can have 500 layers with paths of 4095 bytes. */
const MAX_LINE = 4 * 1024 * 1024;

/**
 * Calls `handle` for each line that the socket receives. A line that is too long destroys the socket, because
 * only a program that is no client sends it.
 */
export function onLines(socket: Socket, handle: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) socket.destroy();
    else lines.forEach(handle);
  });
}

/** The most bytes that wait for a peer that does not read: some of the longest lines. */
const MAX_UNREAD = 4 * MAX_LINE;

/**
 * Sends an object, unless the socket cannot send any more. A peer that reads nothing for too long loses its
 * connection: otherwise this process would need more and more memory.
 */
export function sendLine(socket: Socket, value: object): void {
  if (!socket.writable) return;
  if (socket.writableLength > MAX_UNREAD) socket.destroy();
  else socket.write(`${JSON.stringify(value)}\n`);
}
