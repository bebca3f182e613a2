/** fsync(2) takes long: it does not hold up the other mounts of a thread. */
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../../../src/core/errno.js';
import { O_PATH } from '../../../../src/core/flags.js';
import { ServingLoop } from '../../../../src/fuse/loop/serving-loop.js';
import type { SyncFd } from '../../../../src/fuse/operations.js';
import { Opcode } from '../../../../src/fuse/wire/abi.js';
import { openEventfd, signalEventfd } from '../../../../src/sys/waiting/eventfd.js';
import * as sys from '../../../harness/sys/index.js';
import { u32, u64 } from '../kernel-message.js';
import { SocketMount } from '../socket-mount.js';

let directory: string;
let controlFd: number;
let loop: ServingLoop;
let mounts: SocketMount[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plyfs-syncs-'));
  controlFd = openEventfd();
  loop = new ServingLoop({ controlFd, onControl: () => loop.stop() });
  mounts = [];
});

afterEach(() => {
  loop.close();
  for (const mount of mounts) mount.breakConnection();
  sys.close(controlFd);
  rmSync(directory, { recursive: true });
});

/** @param path the file that FSYNC syncs */
function newMount(path = join(directory, 'file'), flags: string | number = 'w'): SocketMount {
  const mount = new SocketMount(loop);
  mounts.push(mount);
  mount.onSync = (datasync, syncFd) => {
    const fd = openSync(path, flags);
    try {
      syncFd?.(fd, datasync);
    } finally {
      sys.close(fd);
    }
  };
  loop.add(mount.session, () => {});
  return mount;
}

/** Serves until `mount` has a reply, and returns all replies. Another mount is busy all the time. */
function replies(mount: SocketMount, busy: SocketMount): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  busy.onLookup = () => {
    busy.replies();
    busy.lookup('next');
    found.push(...mount.replies());
    if (found.length > 0) loop.stop();
  };
  busy.lookup('first');
  loop.run();
  return found;
}

describe('fsync', () => {
  it.each([
    ['FSYNC', 0, false],
    ['FSYNC', 1, true],
    ['FSYNCDIR', 0, false],
    ['FSYNCDIR', 1, true],
  ] as const)('%s with flags %i gets its reply when the kernel has synced the file', (name, flags, datasync) => {
    const [mount, busy] = [newMount(), newMount()];
    const { onSync } = mount;
    const asked: boolean[] = [];
    mount.onSync = (only, syncFd) => {
      asked.push(only);
      onSync(only, syncFd);
    };
    const unique = mount.ask(Opcode[name], [u64(0), u32(flags, 0)]);
    expect(replies(mount, busy)).toEqual([[unique, 0]]);
    expect(asked).toEqual([datasync]);
  });

  it('of a directory works, too', () => {
    const [mount, busy] = [newMount(directory, 'r'), newMount()];
    const unique = mount.fsync();
    expect(replies(mount, busy)).toEqual([[unique, 0]]);
  });

  it('has no reply before other requests are served', () => {
    const [mount, other] = [newMount(), newMount()];
    let before: unknown[] = [];
    other.onLookup = () => {
      before = mount.replies();
    };
    mount.fsync();
    other.lookup('n');
    signalEventfd(controlFd);
    loop.run();
    expect(before).toEqual([]);
  });

  it('fails with the errno of the system call if the kernel cannot begin', () => {
    const [mount, busy] = [newMount(directory, O_PATH), newMount()];
    const unique = mount.fsync();
    expect(replies(mount, busy)).toEqual([[unique, Errno.EBADF]]);
  });

  it('has its reply at once if there is nothing to sync', () => {
    const [mount, busy] = [newMount(), newMount()];
    mount.onSync = () => {};
    const unique = mount.fsync();
    expect(replies(mount, busy)).toEqual([[unique, 0]]);
  });

  it('of a lone mount is left to the file system, which waits', () => {
    const mount = newMount();
    const given: (SyncFd | undefined)[] = [];
    mount.onSync = (_datasync, syncFd) => {
      given.push(syncFd);
      loop.stop();
    };
    const unique = mount.fsync();
    loop.run();
    expect(given).toEqual([undefined]);
    expect(mount.replies()).toEqual([[unique, 0]]);
  });

  it('of a mount that is removed meanwhile is dropped', () => {
    const [removed, mount, busy] = [newMount(), newMount(), newMount()];
    removed.fsync();
    const unique = mount.fsync();
    busy.onPrefetch = () => {
      loop.remove(removed.session);
      return false;
    };
    expect(replies(mount, busy)).toEqual([[unique, 0]]);
    expect([removed.fsyncs, removed.isClosed]).toEqual([1, true]);
  });

  it('is served for two hundred requests at once', () => {
    const [mount, busy] = [newMount(), newMount()];
    const uniques = Array.from({ length: 200 }, () => mount.fsync());
    const found: number[] = [];
    busy.onLookup = () => {
      busy.replies();
      busy.lookup('next');
      for (const [unique, errno] of mount.replies()) if (errno === 0) found.push(unique);
      if (found.length === uniques.length) loop.stop();
    };
    busy.lookup('first');
    loop.run();
    expect(found.sort((a, b) => a - b)).toEqual(uniques);
  });
});
