/** One thread serves many mounts: in turn, and each on its own. */
import { openSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../../../src/core/errno.js';
import { ServingLoop } from '../../../../src/fuse/loop/serving-loop.js';
import { readActivity } from '../../../../src/fuse/serve/activity.js';
import { openEventfd, signalEventfd } from '../../../../src/sys/waiting/eventfd.js';
import * as sys from '../../../harness/sys/index.js';
import { SocketMount } from '../socket-mount.js';

let controlFd: number;
let loop: ServingLoop;
let mounts: SocketMount[];
/** The errors with which mounts have ended. */
let ends: (Error | undefined)[];
/** Called when the control fd is readable. */
let onControl: () => void;

beforeEach(() => {
  controlFd = openEventfd();
  onControl = () => loop.stop();
  loop = new ServingLoop({
    controlFd,
    onControl: () => {
      sys.read(controlFd, 8);
      onControl();
    },
  });
  mounts = [];
  ends = [];
});

afterEach(() => {
  loop.close();
  for (const mount of mounts) mount.breakConnection();
  sys.close(controlFd);
});

function newMount(): SocketMount {
  const mount = new SocketMount(loop);
  mounts.push(mount);
  loop.add(mount.session, (error) => ends.push(error));
  return mount;
}

/** Serves until nothing waits any more: then the loop sleeps, and finds the control fd readable. */
function runUntilIdle(): void {
  signalEventfd(controlFd);
  loop.run();
}

const fds = (): number => readdirSync('/proc/self/fd').length;

describe('a loop with several mounts', () => {
  it('serves one request of each mount that has some, in turn', () => {
    const order: string[] = [];
    for (const [name, count] of [
      ['a', 5],
      ['b', 2],
      ['c', 3],
    ] as const) {
      const mount = newMount();
      mount.onLookup = () => {
        order.push(name);
        if (order.length === 10) loop.stop();
      };
      for (let i = 0; i < count; i++) mount.lookup('n');
    }
    loop.run();
    expect(order.join('')).toBe('abcabcacaa');
  });

  it('serves a mount that was idle while others are busy after a few requests of theirs', () => {
    const busy = newMount();
    const idle = newMount();
    let before = 0;
    busy.onLookup = () => {
      busy.replies();
      busy.lookup('next');
      if (busy.lookups === 200) idle.lookup('n');
    };
    idle.onLookup = () => {
      before = busy.lookups;
      loop.stop();
    };
    busy.lookup('first');
    loop.run();
    expect(before).toBeGreaterThanOrEqual(200);
    expect(before).toBeLessThanOrEqual(206);
  });

  it('sees the control fd although a mount is always busy', () => {
    const busy = newMount();
    newMount();
    busy.onLookup = () => {
      busy.replies();
      busy.lookup('next');
      if (busy.lookups === 100) signalEventfd(controlFd);
    };
    busy.lookup('first');
    loop.run();
    expect(busy.lookups).toBeGreaterThanOrEqual(100);
    expect(busy.lookups).toBeLessThanOrEqual(106);
  });

  it('sees the control fd of a lone mount that is always busy', () => {
    const busy = newMount();
    busy.onLookup = () => {
      busy.replies();
      busy.lookup('next');
      if (busy.lookups === 100) signalEventfd(controlFd);
    };
    busy.lookup('first');
    loop.run();
    expect(busy.lookups).toBeLessThanOrEqual(200);
  });

  it('serves a hundred mounts', () => {
    for (let i = 0; i < 100; i++) newMount();
    let served = 0;
    for (const mount of mounts) {
      mount.lookup('a');
      mount.onLookup = (name) => {
        // The second request arrives when the mount counts as idle.
        if (name === 'a' && mount === mounts.at(-1)) for (const other of mounts) other.lookup('b');
        if (++served === 200) loop.stop();
      };
    }
    loop.run();
    expect(mounts.map(({ lookups }) => lookups)).toEqual(mounts.map(() => 2));
  });

  it('serves a mount that a callback adds', () => {
    const names: string[] = [];
    onControl = () => {
      const mount = newMount();
      mount.onLookup = (name) => {
        names.push(name);
        onControl = () => loop.stop();
        signalEventfd(controlFd);
      };
      mount.lookup('n');
    };
    newMount();
    signalEventfd(controlFd);
    loop.run();
    expect(names).toEqual(['n']);
    expect(mounts[1]?.isClosed).toBe(true);
  });

  it('prefetches for a mount that has no request, until there is nothing to prefetch', () => {
    const mount = newMount();
    newMount();
    let left = 3;
    mount.onPrefetch = () => left-- > 0;
    runUntilIdle();
    expect(left).toBeLessThan(0);
  });
});

describe('the end of one mount', () => {
  it('leaves the others as they are if its device fails', () => {
    const [broken, other] = [newMount(), newMount()];
    broken.onLookup = () => broken.breakConnection();
    broken.lookup('n');
    broken.lookup('n');
    other.onLookup = (name) => {
      if (name === 'first') other.lookup('second');
    };
    other.lookup('first');
    runUntilIdle();
    expect(ends).toHaveLength(1);
    expect(ends[0]?.message).toContain('read of /dev/fuse');
    expect(other.lookups).toBe(2);
    expect(other.replies().map(([, errno]) => errno)).toEqual([0, 0]);
  });

  it('can be noticed before the loop reads its device', () => {
    const [gone, other] = [newMount(), newMount()];
    gone.breakConnection();
    loop.endUnmounted();
    expect([gone.isClosed, other.isClosed]).toEqual([true, false]);
    expect(ends).toHaveLength(1);
    other.lookup('n');
    runUntilIdle();
    expect([other.lookups, ends.length]).toEqual([1, 1]);
  });

  it('leaves the others as they are if serving it throws', () => {
    const [failing, other] = [newMount(), newMount()];
    let isOpen = true;
    failing.onPrefetch = () => {
      throw new TypeError('oops');
    };
    other.onLookup = () => {
      isOpen = !failing.isClosed;
    };
    // The failing mount has its turn first.
    other.lookup('n');
    runUntilIdle();
    expect(ends.map(String)).toEqual(['TypeError: oops']);
    expect([isOpen, other.lookups]).toEqual([false, 1]);
  });

  it('can be decided by a callback, also of its own request', () => {
    const [removed, other] = [newMount(), newMount()];
    removed.onLookup = () => loop.remove(removed.session);
    removed.lookup('n');
    removed.lookup('never');
    other.lookup('n');
    runUntilIdle();
    expect([removed.lookups, removed.isClosed, other.lookups]).toEqual([1, true, 1]);
    expect(ends).toEqual([]);
    loop.remove(removed.session);
  });

  it('abandons its parked requests and no others', () => {
    const [removed, other] = [newMount(), newMount()];
    for (const mount of [removed, other]) {
      mount.parkedBy = 7;
      mount.fsync();
    }
    onControl = () => {
      expect([removed.fsyncs, other.fsyncs]).toEqual([0, 0]);
      loop.remove(removed.session);
      other.parkedBy = 0;
      other.complete(7);
      other.onLookup = () => loop.stop();
      onControl = () => other.lookup('last');
      signalEventfd(controlFd);
    };
    signalEventfd(controlFd);
    loop.run();
    expect([removed.isClosed, removed.fsyncs, other.fsyncs]).toEqual([true, 0, 1]);
    expect(removed.replies()).toEqual([]);
    expect(other.replies().map(([, errno]) => errno)).toEqual([0, 0]);
  });

  it('is reported while its device is open, so that nobody closes the fd of another file later', () => {
    const mount = newMount();
    const links: string[] = [];
    mount.onClosing = () => links.push(readlinkSync(`/proc/self/fd/${mount.session.deviceFd}`));
    const before = readlinkSync(`/proc/self/fd/${mount.session.deviceFd}`);
    loop.remove(mount.session);
    expect(links).toEqual([before]);
  });

  it('leaves no fd open', () => {
    const before = fds();
    for (let i = 0; i < 20; i++) newMount();
    expect(fds()).toBe(before + 60);
    for (const mount of mounts.slice(0, 10)) loop.remove(mount.session);
    runUntilIdle();
    // The loop has closed its own two fds, and the sockets of the kernel are the test's.
    expect(fds()).toBe(before + 20 - 2);
  });
});

describe('a parked request', () => {
  it('is resumed when its work has ended, while another mount is busy', () => {
    const [parked, busy] = [newMount(), newMount()];
    parked.parkedBy = 3;
    const unique = parked.fsync();
    busy.onLookup = () => {
      busy.replies();
      busy.lookup('next');
      if (busy.lookups === 50) {
        parked.parkedBy = 0;
        parked.complete(3);
      }
      if (parked.fsyncs === 1 || busy.lookups === 100_000) loop.stop();
    };
    busy.lookup('first');
    loop.run();
    expect(busy.lookups).toBeGreaterThanOrEqual(50);
    expect(parked.replies()).toEqual([[unique, 0]]);
  });

  it('fails with EIO, as all parked requests of its mount, if the file system cannot report its work', () => {
    const mount = newMount();
    mount.parkedBy = 3;
    mount.fsync();
    onControl = () => {
      mount.completed.splice = () => {
        throw new TypeError('oops');
      };
      mount.complete(3);
      onControl = () => loop.stop();
      signalEventfd(controlFd);
    };
    signalEventfd(controlFd);
    loop.run();
    expect(mount.replies().map(([, errno]) => errno)).toEqual([Errno.EIO]);
    expect(ends).toEqual([]);
  });
});

describe('a mount that cannot be added', () => {
  it('stays its owner’s, and the loop serves the others', () => {
    const other = newMount();
    // epoll(7) takes no regular files.
    const mount = new SocketMount(loop, openSync(import.meta.filename, 'r'));
    mounts.push(mount);
    expect(() => loop.add(mount.session, () => {})).toThrow('EPERM');
    expect([loop.size, mount.isClosed]).toEqual([1, false]);
    mount.session.close();
    other.lookup('n');
    runUntilIdle();
    expect(other.lookups).toBe(1);
  });
});

describe('the activity that other threads see', () => {
  it('is busy during a request, of the loop and of this mount only', () => {
    const [mount, other] = [newMount(), newMount()];
    const seen: unknown[] = [];
    const look = (): void => {
      const all = [loop.activity, mount.session.activity, other.session.activity];
      seen.push(all.map(({ shared }) => readActivity(shared).isBusy));
    };
    mount.onLookup = look;
    look();
    mount.lookup('n');
    mount.lookup('n');
    other.lookup('n');
    runUntilIdle();
    look();
    expect(seen).toEqual([
      [false, false, false],
      [true, true, false],
      [true, true, false],
      [false, false, false],
    ]);
    expect(readActivity(mount.session.activity.shared).done).toBe(2);
    expect(readActivity(other.session.activity.shared).done).toBe(1);
  });
});
