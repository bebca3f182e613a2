/**
 * A thread of the service that serves many mounts. It stays in its loop, and gets orders by a message port
 * that it reads when its control fd is readable.
 */

import { getHeapStatistics } from 'node:v8';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { ServingLoop } from '../../fuse/index.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { CopyPool, PrefetchThreads } from '../../server/serving/open-layers.js';
import { FdPool } from '../../server/serving/process-fds.js';
import { ThreadHome } from '../../sys/process/namespaces.js';
import { ownThreadId } from '../../sys/process/thread.js';
import { drainEventfd } from '../../sys/waiting/eventfd.js';
import { pollReadable } from '../../sys/waiting/poll.js';
import { type WarmUp, warmUp } from '../warm/warm-up.js';
import type { MountStatistics, PoolOrder, PoolReport, PoolThreadData } from './pool-message.js';
import { ThreadMount, type ThreadParts } from './thread-mount.js';

const { orders, controlFd, fds, warmUp: warmConfig } = workerData as PoolThreadData;

/** Measured: after this time in milliseconds, more does not make the first work of a mount faster. */
const WARM_MS = 600;

function report(message: PoolReport): void {
  parentPort?.postMessage(message);
}

const loop = new ServingLoop({ controlFd, onControl: takeOrders });
// The event loop of this thread frees threads that have ended.
const copyPool = new CopyPool({ onThreadEnd: () => loop.pause() });
const prefetchThreads = new PrefetchThreads();
const parts: ThreadParts = {
  loop,
  home: ThreadHome.make(),
  shared: { fdPool: new FdPool(fds), copyPool, prefetchThreads },
  report,
};
const mounts = new Map<number, ThreadMount>();

/** Removes a mount that has ended, and lets the event loop free its helper threads. */
function forget({ id }: ThreadMount): void {
  mounts.delete(id);
  loop.pause();
}

function takeOrders(): void {
  // Before the orders are read: a later one signals again.
  drainEventfd(controlFd);
  for (;;) {
    const received = receiveMessageOnPort(orders) as { message: PoolOrder } | undefined;
    if (received === undefined) return;
    perform(received.message);
  }
}

function perform(order: PoolOrder): void {
  switch (order.kind) {
    case 'mount': {
      loop.endUnmounted();
      const mount = ThreadMount.make(order, parts, forget);
      if (mount !== undefined) mounts.set(order.id, mount);
      break;
    }
    case 'stop': {
      // It can have ended by itself before the order arrived.
      const mount = mounts.get(order.id);
      if (mount === undefined) return;
      forget(mount);
      mount.stop(parts);
      break;
    }
    case 'adjust-fds':
      for (const { operations } of mounts.values()) operations.adjustFds();
      break;
    case 'statistics':
      report({ kind: 'statistics', mounts: statistics() });
      break;
    case 'end':
      loop.stop();
      break;
  }
}

function statistics(): MountStatistics[] {
  const all = [...mounts.values()];
  const nodesOfAll = all.reduce((sum, { operations }) => sum + operations.nodeCount, 0);
  const perNode = getHeapStatistics().used_heap_size / Math.max(1, nodesOfAll);
  return all.map(({ id, requests, operations }) => {
    const nodes = operations.nodeCount;
    return { id, requests, nodes, memory: Math.round(nodes * perNode) };
  });
}

/** Held for as long as the thread lives: see `WarmUp.kept`. */
const warmed: WarmUp[] = [];

/** Warms up, but not while orders wait. Returns the reason of a failure. */
function tryWarmUp(config: MountConfig): string | undefined {
  const end = performance.now() + WARM_MS;
  try {
    const isOver = (): boolean => performance.now() >= end || pollReadable([controlFd], 0) !== 0;
    warmed.push(warmUp(config, { memory: loop.memory, prefetchThreads }, isOver));
    loop.noteGarbage();
    return undefined;
  } catch (error) {
    // The thread serves as well without it.
    return String(error);
  }
}

/** Serves until the order `end`. Between its parts the event loop runs once. */
async function serve(): Promise<void> {
  while (loop.run() === 'paused') await new Promise((resolve) => setImmediate(resolve));
  copyPool.close();
  prefetchThreads.close();
  parts.home.close();
  orders.close();
  parentPort?.close();
}

report({ kind: 'started', activity: loop.activity.shared, threadId: ownThreadId() });
if (warmConfig !== undefined) report({ kind: 'warm', failure: tryWarmUp(warmConfig) });
void serve();
