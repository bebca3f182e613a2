/** The choice of the thread that serves a new mount. */
import { afterEach, describe, expect, it } from 'vitest';
import type { PoolOrder } from '../../../../src/service/pool/pool-message.js';
import { PoolThreads } from '../../../../src/service/pool/pool-threads.js';
import type { Look, PoolWorker, PoolWorkerEvents } from '../../../../src/service/pool/pool-worker.js';

interface FakeWorker {
  readonly number: number;
  readonly isShared: boolean;
  readonly events: PoolWorkerEvents;
  readonly orders: PoolOrder[];
  mounts: number;
  making: number;
  hasStarted: boolean;
  next: Look;
}

const IDLE: Look = { state: 'idle', load: 0 };
const SILENT: Look = { state: 'silent', load: 0 };

describe('PoolThreads', () => {
  const workers: FakeWorker[] = [];
  const ended: number[] = [];
  afterEach(() => {
    workers.length = 0;
    ended.length = 0;
  });

  function make(): PoolThreads {
    const start = (number: number, isShared: boolean, events: PoolWorkerEvents): PoolWorker => {
      const orders: PoolOrder[] = [];
      const worker: FakeWorker = {
        number,
        isShared,
        events,
        orders,
        mounts: 0,
        making: 0,
        hasStarted: true,
        next: IDLE,
      };
      workers.push(worker);
      const methods = { look: () => worker.next, give: (order: PoolOrder) => orders.push(order) };
      return Object.assign(worker, methods) as unknown as PoolWorker;
    };
    return new PoolThreads({ report: () => {}, ended: ({ number }) => ended.push(number) }, start);
  }

  function fake(index: number): FakeWorker {
    const worker = workers[index];
    if (worker === undefined) throw new Error(`no worker ${index}`);
    return worker;
  }

  it('has one shared thread at first, which gets the first mounts', async () => {
    const threads = make();
    for (let i = 0; i < 3; i++) {
      const chosen = await threads.choose(true);
      expect(chosen.number).toBe(1);
      chosen.mounts++;
    }
    expect(workers.map(({ isShared }) => isShared)).toEqual([true]);
  });

  it('gives a mount whose layers can hang a thread of its own, which ends with the mount', async () => {
    const threads = make();
    const own = await threads.choose(false);
    expect([own.number, own.isShared]).toEqual([2, false]);
    own.mounts++;
    threads.release(own);
    expect(fake(1).orders.at(-1)).toEqual({ kind: 'end' });
    expect(fake(0).orders).not.toContainEqual({ kind: 'end' });
  });

  it('gives no mount to a thread that hangs, and starts another if all hang', async () => {
    const threads = make();
    fake(0).next = SILENT;
    const chosen = await threads.choose(true);
    expect([chosen.number, chosen.isShared]).toEqual([2, true]);
    expect((await threads.choose(true)).number).toBe(2);
  });

  it('waits for a thread that is free again soon', async () => {
    const threads = make();
    fake(0).next = SILENT;
    const choosing = threads.choose(true);
    fake(0).next = IDLE;
    expect((await choosing).number).toBe(1);
    expect(workers.length).toBe(1);
  });

  it('prefers idle threads, then those with few mounts', async () => {
    const threads = make();
    fake(0).next = SILENT;
    await threads.choose(true);
    fake(0).mounts = 1;
    fake(1).mounts = 5;
    fake(0).next = IDLE;
    expect((await threads.choose(true)).number).toBe(1);
    fake(0).next = { state: 'busy', load: 0.9 };
    expect((await threads.choose(true)).number).toBe(2);
  });

  it('replaces its last shared thread when it has died, unless it has never started', async () => {
    make();
    fake(0).events.ended(new Error('died'));
    expect(ended).toEqual([1]);
    expect(workers.length).toBe(2);
    fake(1).hasStarted = false;
    fake(1).events.ended(new Error('cannot load'));
    expect(workers.length).toBe(2);
  });
});
