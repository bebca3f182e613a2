import { closeSync, fstatSync, openSync, readlinkSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MountTable, type TableOrder } from '../../../../src/service/front/mount-table.js';
import type { MountEvents, Mounts } from '../../../../src/service/order/mount-order.js';
import { mountedOn } from '../../../../src/sys/mountinfo.js';

describe('the table of mounts', () => {
  const reports: object[] = [];
  /** The events of the mounts that the pool makes. */
  const inPool: MountEvents[] = [];
  const pool: Mounts = {
    mount: (_, events) => void inPool.push(events),
    unmount: async () => {},
    status: async () => ({ threads: [], mounts: [] }),
    stopAll: async () => {},
  };
  const events = {
    line: vi.fn(),
    mounted: vi.fn(),
    ready: vi.fn(),
    refused: vi.fn(),
    ended: vi.fn(),
    declined: vi.fn(),
  };
  let table: MountTable;

  beforeEach(() => {
    reports.length = 0;
    inPool.length = 0;
    vi.clearAllMocks();
    table = new MountTable(pool, (report) => reports.push(report));
  });

  function order(mountpoint = '/mnt'): TableOrder {
    return {
      place: { cwd: openSync('/', 'r'), root: openSync('/', 'r'), mountNamespace: undefined, umask: 0 },
      what: {
        options: [],
        foreground: false,
        debug: false,
        source: undefined,
        dialect: 'overlay',
        mountpoint,
        form: 'plyfs',
      },
      logs: 'sink',
      caller: { pid: process.pid, mountNamespace: readlinkSync('/proc/self/ns/mnt') },
    };
  }

  function mount(mountpoint?: string): MountEvents {
    table.mount(order(mountpoint), events);
    const [first] = inPool;
    if (first === undefined) throw new Error('the pool has no mount');
    return first;
  }

  it('declines a mount after it was closed, and closes the place of the caller', () => {
    table.close();
    const late = order();
    table.mount(late, events);
    expect(events.declined).toHaveBeenCalledWith('the service ends');
    expect([inPool, reports, table.size]).toEqual([[], [], 0]);
    for (const fd of [late.place.cwd, late.place.root]) expect(() => fstatSync(fd)).toThrow(/EBADF/);
  });

  it.each([
    { how: 'refused', end: (pooled: MountEvents) => pooled.refused({ message: 'not wanted', errno: undefined }) },
    { how: 'unmounted before it was ready', end: (pooled: MountEvents) => pooled.ended() },
  ])('declines a mount that is $how because the service ends', async ({ end }) => {
    const pooled = mount();
    await table.stopAll();
    end(pooled);
    expect(events.declined).toHaveBeenCalledTimes(1);
    expect([events.refused.mock.calls, events.ended.mock.calls, table.size]).toEqual([[], [], 0]);
  });

  it('reports the end of a mount that was ready, also if the service ends', async () => {
    const pooled = mount();
    pooled.ready();
    await table.stopAll();
    pooled.ended();
    expect(events.ended).toHaveBeenCalledTimes(1);
    expect(events.declined).not.toHaveBeenCalled();
  });

  it('reports which mount the mountpoint has already', () => {
    mount('/proc');
    expect(reports).toEqual([expect.objectContaining({ kind: 'mounting', covered: mountedOn('/proc')?.id })]);
  });

  it('mounts also if the mounts that the caller sees cannot be read', () => {
    const { caller, ...rest } = order('/proc');
    table.mount({ ...rest, caller: { ...caller, pid: 4194303 } }, events);
    expect(reports).toEqual([expect.objectContaining({ kind: 'mounting', covered: undefined })]);
    expect(inPool).toHaveLength(1);
    closeSync(rest.place.cwd);
    closeSync(rest.place.root);
  });
});
