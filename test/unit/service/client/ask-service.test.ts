import { describe, expect, it, vi } from 'vitest';
import { askService } from '../../../../src/service/client/ask-service.js';
import type { ConnectionEvents, ServiceConnection } from '../../../../src/service/client/service-connection.js';

describe('a request to the service', () => {
  /** A connection whose service does `serve` when it gets a request. */
  function connectionTo(serve: (events: ConnectionEvents) => void): ServiceConnection {
    let events: ConnectionEvents | undefined;
    const connection = {
      listen: (given: ConnectionEvents) => {
        events = given;
      },
      send: () => {
        if (events !== undefined) serve(events);
      },
      abort: () => {},
    };
    return connection as unknown as ServiceConnection;
  }

  it('resolves at the end of the connection, after the answers', async () => {
    const handle = vi.fn();
    const connection = connectionTo(({ answer, closed }) => {
      answer({ kind: 'ending' });
      closed();
    });
    await askService(connection, '/run/plyfs/1', { do: 'stop', lazy: true }, handle);
    expect(handle).toHaveBeenCalledWith({ kind: 'ending' });
  });

  it('fails if the service ends before it answers', async () => {
    const asked = askService(
      connectionTo(({ closed }) => closed()),
      '/run/plyfs/1',
      { do: 'status' },
      vi.fn(),
    );
    await expect(asked).rejects.toThrow('serve: /run/plyfs/1: the service ended before it answered');
  });

  it('fails if the service does not understand it', async () => {
    const connection = connectionTo(({ answer, closed }) => {
      answer({ kind: 'wrong', message: 'an unknown request' });
      closed();
    });
    const asked = askService(connection, '/run/plyfs/1', { do: 'status' }, vi.fn());
    await expect(asked).rejects.toThrow('serve: /run/plyfs/1: an unknown request');
  });
});
