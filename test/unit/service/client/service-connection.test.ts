/** The connection of a client to the service, with a server of the test in the service's place. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectionEvents, ServiceConnection } from '../../../../src/service/client/service-connection.js';
import { locateDirectory } from '../../../../src/service/directory/locate-directory.js';
import { waitFor } from '../../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

describe('the connection to the service', () => {
  let base: string;
  let directory: string;
  let environment: Record<string, string>;
  const servers: Server[] = [];
  const peers: Socket[] = [];

  beforeEach(() => {
    base = makeScratch('connection');
    environment = { PLYFS_SERVICE_DIR: base };
    ({ directory } = locateDirectory(environment));
    mkdirSync(directory, { mode: 0o700 });
  });
  afterEach(() => {
    for (const peer of peers.splice(0)) peer.destroy();
    for (const server of servers.splice(0)) server.close();
    removeScratch(base);
  });

  /** Listens in the place of the service. */
  async function listen(supervisor = process.pid, server = process.pid): Promise<void> {
    writeFileSync(join(directory, 'pids'), `${supervisor} ${server}\n`);
    const listening = createServer((socket) => {
      peers.push(socket.on('error', () => {}));
    }).listen(join(directory, 'control'));
    servers.push(listening);
    await once(listening, 'listening');
  }

  async function open(): Promise<ServiceConnection> {
    const connection = await ServiceConnection.open(environment);
    if (typeof connection === 'string') throw new Error(connection);
    await waitFor(() => peers.length > 0, 'the connection');
    return connection;
  }

  /** Records the events of a connection. */
  function record(connection: ServiceConnection): unknown[] {
    const events: unknown[] = [];
    connection.listen({
      answer: (value) => events.push(value),
      failed: (why) => events.push(why),
      closed: () => events.push('closed'),
    } satisfies ConnectionEvents);
    return events;
  }

  it('carries requests and answers', async () => {
    await listen();
    const connection = await open();
    const events = record(connection);
    let received = '';
    peers[0]?.on('data', (data) => {
      received += data;
    });
    connection.send({ do: 'status' });
    await waitFor(() => received === '{"do":"status"}\n', 'the request');
    peers[0]?.write('{"kind":"ready"}\n{"kind":');
    peers[0]?.write('"ended"}\n');
    await waitFor(() => events.length === 2, 'the answers');
    connection.close();
    await waitFor(() => events.at(-1) === 'closed', 'the end');
    expect(events).toEqual([{ kind: 'ready' }, { kind: 'ended' }, 'closed']);
  });

  it('fails if an answer is no JSON, and ends', async () => {
    await listen();
    const events = record(await open());
    peers[0]?.write('nonsense\n');
    await waitFor(() => events.at(-1) === 'closed', 'the end');
    expect(events).toEqual(['its answer is no JSON', 'closed']);
  });

  it('ends if the service ends', async () => {
    await listen();
    const events = record(await open());
    peers[0]?.destroy();
    await waitFor(() => events.at(-1) === 'closed', 'the end');
  });

  it.each<[string, () => Promise<unknown> | undefined]>([
    ['the directory is empty', () => undefined],
    ['the service was killed and has left its socket', () => listen(2 ** 22 + 1)],
    ['its socket is gone', () => listen().then(() => unlinkSync(join(directory, 'control')))],
  ])('is not made if %s', async (_, prepare) => {
    await prepare();
    expect(await ServiceConnection.open(environment)).toBe(`no service runs for this user in ${directory}`);
  });

  it('is not made if others can use the directory', async () => {
    await listen();
    chmodSync(directory, 0o755);
    expect(await ServiceConnection.open(environment)).toMatch(/mode/);
  });

  it('knows whether a process of the service is stopped', async () => {
    const child = spawn('sleep', ['60']);
    try {
      await listen(process.pid, child.pid);
      const connection = await open();
      expect(connection.isStopped()).toBe(false);
      spawnSync('kill', ['-STOP', `${child.pid}`]);
      await waitFor(() => connection.isStopped(), 'the stop to be seen');
      connection.abort();
    } finally {
      child.kill('SIGKILL');
    }
  });
});
