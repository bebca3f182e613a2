import { beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { ConnectionMount } from '../../../../src/service/control/connection-mount.js';
import type { Caller } from '../../../../src/service/front/caller.js';
import type { MountEvents } from '../../../../src/service/order/mount-order.js';

const ID = 7;
const config = resolveMount({ mountpoint: '/mnt', layers: { layers: ['/lower'], dataLayers: 0 } });

describe('the mount of a connection', () => {
  let pool: MountEvents;
  const unmount = vi.fn(async () => {});
  const makeMount = vi.fn((_order: unknown, events: MountEvents) => {
    pool = events;
    return ID;
  });
  const answered = vi.fn();
  const close = vi.fn();
  const answer = vi.fn();
  let mount: ConnectionMount;

  beforeEach(() => {
    vi.clearAllMocks();
    const caller = { pid: 1, facts: { mountNamespace: 'mnt:[1]' }, takePlace: () => ({}), close };
    mount = new ConnectionMount({
      table: { mount: makeMount as never, unmount, answered },
      check: () => caller as unknown as Caller,
      log: () => {},
    });
  });

  type Lifetime = 'connection' | 'mount';
  const begin = (lifetime: Lifetime = 'connection'): void => mount.begin({ do: 'mount', config, lifetime }, answer);
  const answers = (): unknown[] => answer.mock.calls.map(([{ kind }]) => kind);
  const undone = (): unknown[] => unmount.mock.calls;
  const UNDONE = [[ID, { lazy: true }]];

  it('is made at `go`, once', () => {
    begin();
    expect(makeMount).not.toHaveBeenCalled();
    mount.go();
    mount.go();
    expect(makeMount).toHaveBeenCalledTimes(1);
    pool.ready();
    expect(answers()).toEqual(['taken', 'ready']);
    expect(answered).toHaveBeenCalledWith(ID);
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('is not made without a request, and a connection has one', () => {
    mount.go();
    expect(makeMount).not.toHaveBeenCalled();
    begin();
    expect(() => begin()).toThrow('a connection can have one mount');
  });

  it.each(['left', 'lost'] as const)('is not made if the connection is %s before `go`', (how) => {
    begin();
    mount[how]();
    mount.go();
    mount.left();
    expect(makeMount).not.toHaveBeenCalled();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['left', 'connection'],
    ['left', 'mount'],
    ['lost', 'connection'],
    ['lost', 'mount'],
  ] as const)(
    'is undone when it is ready if the connection was %s while it was made (lifetime %s)',
    (how, lifetime) => {
      begin(lifetime);
      mount.go();
      mount[how]();
      expect(undone()).toEqual([]);
      pool.ready();
      mount.left();
      expect(undone()).toEqual(UNDONE);
      expect([answers(), answered.mock.calls]).toEqual([['taken'], []]);
    },
  );

  it.each([
    ['left', 'connection', UNDONE],
    ['left', 'mount', []],
    // The client has not read that it is ready.
    ['lost', 'connection', UNDONE],
    ['lost', 'mount', UNDONE],
  ] as const)('that is ready: if the connection is %s (lifetime %s), it is undone: %j', (how, lifetime, expected) => {
    begin(lifetime);
    mount.go();
    pool.ready();
    mount[how]();
    mount.left();
    expect(undone()).toEqual(expected);
  });

  it.each([
    ['refused', () => pool.refused({ message: 'why', errno: 2 })],
    ['alone', () => pool.declined('the service ends')],
  ])('ends with the answer `%s`, and nothing is undone', (kind, happen) => {
    begin();
    mount.go();
    happen();
    mount.unmount({ lazy: true });
    mount.lost();
    expect([answers(), undone()]).toEqual([['taken', kind], []]);
  });

  it('is not undone after it has ended', () => {
    begin();
    mount.go();
    pool.ready();
    pool.ended(undefined);
    mount.lost();
    expect([answers(), undone()]).toEqual([['taken', 'ready', 'ended'], []]);
  });

  it('is unmounted only when it is ready', () => {
    begin();
    mount.unmount({ lazy: false });
    mount.go();
    mount.unmount({ lazy: false });
    expect(undone()).toEqual([]);
    pool.ready();
    mount.unmount({ lazy: false });
    expect(undone()).toEqual([[ID, { lazy: false }]]);
  });
});
