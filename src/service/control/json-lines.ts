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

/** Sends an object, unless the socket cannot send any more. */
export function sendLine(socket: Socket, value: object): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}
