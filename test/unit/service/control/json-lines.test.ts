/** Objects over a stream socket. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { onLines, sendLine } from '../../../../src/service/control/json-lines.js';
import { waitFor } from '../../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

let dir: string;
let server: Server;
let near: Socket;
let far: Socket;
beforeEach(async () => {
  dir = makeScratch('lines');
  server = createServer().listen(join(dir, 'socket'));
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  near = connect(join(dir, 'socket'));
  [far] = await accepted;
  // ECONNRESET, EPIPE: the other end is destroyed by a test.
  for (const end of [near, far]) end.on('error', () => {});
});
afterEach(() => {
  near.destroy();
  far.destroy();
  server.close();
  removeScratch(dir);
});

const MIB = 'x'.repeat(1 << 20);

describe('objects over a socket', () => {
  it('arrive one by one, in their order', async () => {
    const lines: string[] = [];
    onLines(far, (line) => lines.push(line));
    sendLine(near, { a: 'two\nlines' });
    sendLine(near, { b: 2 });
    await waitFor(() => lines.length === 2, 'the lines');
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ a: 'two\nlines' }, { b: 2 }]);
  });

  it('are all received by a peer that reads, also if they are larger than a socket holds', async () => {
    let received = 0;
    onLines(far, () => received++);
    for (let i = 0; i < 10; i++) sendLine(near, { MIB });
    await waitFor(() => received === 10, 'the lines');
    expect(near.destroyed).toBe(false);
  });

  it('of a peer that never reads: the connection ends, and memory is bounded', () => {
    let sent = 0;
    while (!near.destroyed && sent < 100) {
      sendLine(near, { MIB });
      sent++;
    }
    expect(sent).toBeGreaterThan(10);
    expect(sent).toBeLessThan(30);
    sendLine(near, { more: true });
  });

  it('a line without an end, which no client sends: the connection ends', async () => {
    onLines(far, () => {});
    for (let i = 0; i < 6; i++) near.write(MIB);
    await waitFor(() => far.destroyed, 'the end of the connection');
  });
});
