/** The table of the mounts of the server process, between its checking threads and its pool threads. */
import { openSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { Errno } from '../../../../src/core/errno.js';
import type { MountEvents, MountOrder } from '../../../../src/service/order/mount-order.js';
import type { CheckCallbacks } from '../../../../src/service/pool/check-workers.js';
import type { CheckOrder, PoolOrder } from '../../../../src/service/pool/pool-message.js';
import type { PoolThreads, PoolThreadsEvents } from '../../../../src/service/pool/pool-threads.js';
import type { PoolWorker } from '../../../../src/service/pool/pool-worker.js';
import { ServingPool } from '../../../../src/service/pool/serving-pool.js';

function setUp() {
  const given: PoolOrder[] = [];
  const thread = { mounts: 0, making: 0, give: (order: PoolOrder) => given.push(order) } as unknown as PoolWorker;
  const checks: { order: CheckOrder; callbacks: CheckCallbacks }[] = [];
  const threads = { look: () => {}, choose: async () => thread, made: () => {}, release: () => {} };
  let poolEvents: PoolThreadsEvents | undefined;
  const pool = new ServingPool(
    { give: (order, callbacks) => checks.push({ order, callbacks }), close: () => {} },
    (all) => {
      poolEvents = all;
      return threads as unknown as PoolThreads;
    },
  );
  const events = {
    line: vi.fn(),
    mounted: vi.fn(),
    ready: vi.fn(),
    refused: vi.fn(),
    declined: vi.fn(),
    ended: vi.fn(),
  } satisfies MountEvents;
  const place = { cwd: openSync('/', 'r'), root: openSync('/', 'r'), mountNamespace: undefined, umask: 0 };
  pool.mount({ id: 1, place, what: { config: {} }, logs: 'line' } as unknown as MountOrder, events);
  const report: PoolThreadsEvents['report'] = (message, from) => poolEvents?.report(message, from);
  const end: PoolThreadsEvents['ended'] = (from, error) => poolEvents?.ended(from, error);
  return { pool, events, checks, given, thread, report, end };
}

describe('ServingPool', () => {
  it('survives that a mount without a caller cannot be unmounted, and ends its server', async () => {
    const { pool, events, checks, given, thread, report } = setUp();
    checks[0]?.callbacks.done({ kind: 'checked', id: 1, config: {} as never, logFd: undefined, isLocal: true });
    await vi.waitUntil(() => given.length > 0);
    const undone = pool.unmount(1, { lazy: true });
    const mount = { mountId: 5, device: '0:99', mountpoint: '/m', namespace: undefined };
    report({ kind: 'device', id: 1, fd: -1, mount }, thread);
    report({ kind: 'ready', id: 1 }, thread);
    expect(checks[1]?.order).toMatchObject({ kind: 'unmount', lazy: true });
    // The checking thread has no fds left to enter a mount namespace.
    checks[1]?.callbacks.done({ kind: 'refused', id: 1, message: 'unmount: no fds', errno: Errno.EMFILE });
    // Without a handler this rejection would end the process with all mounts, and fails this test run.
    await vi.waitUntil(() => events.line.mock.calls.length > 0);
    expect(events.line).toHaveBeenCalledWith('unmount: no fds');
    expect(given.at(-1)).toEqual({ kind: 'stop', id: 1 });
    report({ kind: 'ended', id: 1, error: undefined }, thread);
    await undone;
    expect(events.ready).not.toHaveBeenCalled();
  });

  it('unmounts and refuses a mount whose thread dies before it is ready', async () => {
    const { events, checks, given, thread, report, end } = setUp();
    checks[0]?.callbacks.done({ kind: 'checked', id: 1, config: {} as never, logFd: undefined, isLocal: true });
    await vi.waitUntil(() => given.length > 0);
    const mount = { mountId: 5, device: '0:99', mountpoint: '/m', namespace: undefined };
    report({ kind: 'device', id: 1, fd: openSync('/dev/null', 'r'), mount }, thread);
    end(thread, new Error('out of memory'));
    expect(checks[1]?.order).toMatchObject({ kind: 'unmount', where: mount, lazy: true });
    expect(events.refused).not.toHaveBeenCalled();
    checks[1]?.callbacks.done({ kind: 'unmounted', id: 1, outcome: 'unmounted' });
    await vi.waitUntil(() => events.refused.mock.calls.length > 0);
    expect(events.refused.mock.calls[0]?.[0].message).toContain('the serving thread has ended');
  });
});
