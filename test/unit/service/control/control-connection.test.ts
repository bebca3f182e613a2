import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ConnectionParts, serveConnection } from '../../../../src/service/control/control-connection.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

describe('a control connection', () => {
  let dir: string;
  let server: Server;
  let client: Socket;
  let served: Socket;
  let parts: ReturnType<typeof makeParts>;

  const makeParts = () =>
    ({
      status: async () => ({ supervisor: { pid: 1 }, server: { pid: 2, threads: [], rss: 0 }, mounts: [], served: 0 }),
      drain: () => () => {},
      stop: vi.fn(),
      mount: { begin: vi.fn(), go: vi.fn(), unmount: vi.fn(), left: vi.fn(), lost: vi.fn() },
      log: vi.fn(),
    }) satisfies ConnectionParts;

  beforeEach(async () => {
    parts = makeParts();
    dir = makeScratch('control');
    server = createServer({ allowHalfOpen: true }).listen(join(dir, 'socket'));
    await once(server, 'listening');
    client = connect(join(dir, 'socket'));
    [served] = (await once(server, 'connection')) as [Socket];
    serveConnection(served, parts);
  });

  afterEach(() => {
    client.destroy();
    served.destroy();
    server.close();
    removeScratch(dir);
  });

  async function answer(): Promise<object> {
    const [bytes] = (await once(client, 'data')) as [Buffer];
    return JSON.parse(bytes.toString());
  }

  it('answers a request that makes an unexpected error, and logs it', async () => {
    parts.mount.begin.mockImplementationOnce(() => {
      throw new RangeError('too deep');
    });
    client.write('{"do":"mount","config":{},"lifetime":"mount"}\n');
    expect(await answer()).toEqual({ kind: 'wrong', message: 'control: too deep' });
    expect(parts.log).toHaveBeenCalledWith(expect.stringContaining('RangeError: too deep'));
    client.write('{"do":"status"}\n');
    expect(await answer()).toMatchObject({ served: 0 });
  });

  it('answers a request for the status that fails, and still ends', async () => {
    parts.status = async () => {
      throw new RangeError('no status');
    };
    client.end('{"do":"status"}\n');
    expect(await answer()).toEqual({ kind: 'wrong', message: 'control: no status' });
    expect(parts.log).toHaveBeenCalledWith(expect.stringContaining('RangeError: no status'));
    await vi.waitUntil(() => served.destroyed);
  });

  it('counts an answer as lost if the client had closed the connection before', async () => {
    let send: (answer: { kind: 'ready' }) => void = () => {};
    parts.mount.begin.mockImplementationOnce((_, given) => {
      send = given;
    });
    client.write('{"do":"mount","config":{},"lifetime":"mount"}\n');
    await vi.waitUntil(() => parts.mount.begin.mock.calls.length > 0);
    const closed = new Promise((resolve) => served.once('close', resolve));
    client.destroy();
    // The event loop has not read the end of the connection yet.
    send({ kind: 'ready' });
    await closed;
    expect(parts.mount.lost).toHaveBeenCalled();
    const { lost, left } = parts.mount;
    expect(lost.mock.invocationCallOrder[0]).toBeLessThan(left.mock.invocationCallOrder[0] ?? 0);
  });
});
