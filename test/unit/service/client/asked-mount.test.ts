import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MountError } from '../../../../src/server/config/mount-error.js';
import { AskedMount, type MountRequest } from '../../../../src/service/client/asked-mount.js';
import type { ConnectionEvents, ServiceConnection } from '../../../../src/service/client/service-connection.js';

/** Longer than the pause between two looks whether the service is stopped. */
const LOOK_MS = 2000;

describe('a mount that a program asks for', () => {
  let service: ConnectionEvents;
  let isStopped: boolean;
  const connection = {
    listen: (events: ConnectionEvents) => {
      service = events;
    },
    send: vi.fn(),
    isStopped: () => isStopped,
    close: vi.fn(),
    abort: vi.fn(),
  };
  const events = { message: vi.fn(), failed: vi.fn(), ended: vi.fn() };
  const otherwise = { alone: vi.fn(), lost: vi.fn() };

  beforeEach(() => {
    vi.useFakeTimers();
    vi.resetAllMocks();
    isStopped = false;
    const request = { config: {}, lifetime: 'connection' } as MountRequest;
    new AskedMount(connection as unknown as ServiceConnection, request, events, otherwise).begin();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const answer = (...kinds: readonly string[]): void => {
    for (const kind of kinds) service.answer({ kind, why: 'a reason', message: 'a message' });
  };
  const look = (): void => {
    vi.advanceTimersByTime(LOOK_MS);
  };
  const goes = (): number => connection.send.mock.calls.filter(([{ do: verb }]) => verb === 'go').length;

  it('is made by the service after one `go`, and ends with the mount of the service', () => {
    answer('taken');
    expect(goes()).toBe(1);
    answer('ready');
    expect(events.message.mock.calls).toEqual([[{ kind: 'mounted' }], [{ kind: 'ready' }]]);
    answer('ended');
    expect([events.ended.mock.calls.length, events.failed.mock.calls.length]).toEqual([1, 0]);
    service.closed();
    expect(otherwise.lost).not.toHaveBeenCalled();
  });

  it.each([
    ['answers `alone`', () => answer('alone'), 'a reason'],
    ['answers `alone` after `go`', () => answer('taken', 'alone'), 'a reason'],
    ['ends before it answers', () => service.closed(), 'the service has ended'],
    [
      'is stopped before it answers',
      () => {
        isStopped = true;
        look();
      },
      'the service is stopped',
    ],
  ])('is served by the program if the service %s', (_, happen, why) => {
    happen();
    expect(otherwise.alone.mock.calls).toEqual([[why]]);
    // Late answers have no effect.
    answer('taken', 'ready', 'refused');
    service.closed();
    look();
    expect(otherwise.alone).toHaveBeenCalledTimes(1);
    expect(events.message).not.toHaveBeenCalled();
    expect(events.ended).not.toHaveBeenCalled();
  });

  it('is not served by the program if the service is stopped after `go`', () => {
    answer('taken');
    isStopped = true;
    look();
    expect(events.failed.mock.calls[0]?.[0]).toMatchObject({ message: 'service: is stopped; nothing is mounted' });
    expect([events.ended.mock.calls.length, otherwise.alone.mock.calls.length]).toEqual([1, 0]);
    // The end of the connection makes the service undo the mount.
    expect(connection.abort).toHaveBeenCalled();
  });

  it.each([
    ['is made', ['taken']],
    ['exists', ['taken', 'ready']],
  ])('is lost if the service ends while it %s', (_, kinds) => {
    answer(...kinds);
    service.closed();
    expect(otherwise.lost).toHaveBeenCalledTimes(1);
    expect(events.failed.mock.calls[0]?.[0]).toBeInstanceOf(MountError);
    expect(events.ended).toHaveBeenCalledTimes(1);
  });

  it('stays if the service is stopped when it exists', () => {
    answer('taken', 'ready');
    isStopped = true;
    look();
    expect([events.failed.mock.calls.length, connection.abort.mock.calls.length]).toEqual([0, 0]);
  });

  it.each(['refused', 'wrong'])('ends with the message of the answer `%s`', (kind) => {
    answer('taken', kind);
    expect(events.message.mock.calls).toEqual([[{ kind: 'refused', message: 'a message', errno: undefined }]]);
    expect(events.ended).toHaveBeenCalledTimes(1);
  });
});
