/**
 * A copy-up that fails in its helper thread is reported to the requests that wait for it, and to no other.
 * The test calls the Operations contract directly, so that it decides whether a caller still waits.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../src/core/brand.js';
import type { Operations } from '../../../src/fuse/operations.js';
import { pollReadable } from '../../../src/sys/waiting/poll.js';
import { mountsUnavailable, unmount } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { fillLarge } from '../harness/large-file.js';

/** A URL of the built program, because the helper thread is started from its built file. */
function built(path: string): string {
  return new URL(`../../../dist/${path}`, import.meta.url).href;
}
const { createUnion }: typeof import('../../../src/union/index.js') = await import(built('union/index.js'));
const { Parked }: typeof import('../../../src/fuse/operations.js') = await import(built('fuse/operations.js'));

const unavailable = mountsUnavailable();
const BIG = 'big' as EntryName;
const caller = { uid: 0, gid: 0, pid: process.pid, umask: 0o022 };

describe.skipIf(unavailable !== null)(`a failed copy-up${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let small: string;
  let union: Operations;
  let big: NodeId;

  beforeEach(() => {
    base = makeScratch('failed');
    small = join(base, 'small');
    for (const name of ['lower', 'small']) sys.mkdir(join(base, name));
    fillLarge(join(base, 'lower', 'big'), 8 << 20);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'plyfs-test', small]).status).toBe(0);
    for (const name of ['upper', 'work']) sys.mkdir(join(small, name));
    union = createUnion({
      lowers: [join(base, 'lower')],
      upper: join(small, 'upper'),
      work: join(small, 'work'),
      volatile: true,
      log: () => {},
    });
    big = lookup().nodeid;
  });
  afterEach(() => {
    union?.close();
    unmount(small);
    removeScratch(base);
  });

  function lookup(): { nodeid: NodeId } {
    const entry = union.lookup(ROOT_ID, BIG);
    if (entry === null) throw new Error('lookup does not find big');
    return entry;
  }

  /** Returns the key under which a request waits. */
  function parked(request: () => unknown): number {
    try {
      request();
    } catch (error) {
      if (error instanceof Parked) return error.key;
      throw error;
    }
    throw new Error('the request did not wait');
  }

  /** Waits for the helper thread to end. `awaited`: whether the callers are still alive. */
  function complete(awaited: boolean): number[] {
    for (;;) {
      expect(pollReadable([union.completionFd], 30_000)).not.toBe(0);
      const keys = union.takeCompleted(() => awaited);
      if (keys.length > 0) return keys;
    }
  }

  const openForWriting = (): unknown => union.open(big, sys.O_RDWR, null);

  it('fails the waiting request with ENOSPC, and the next request tries again', () => {
    const key = parked(openForWriting);
    expect(complete(true)).toEqual([key]);
    expect(openForWriting).toThrow('ENOSPC');
    expect(parked(openForWriting)).not.toBe(key);
    // A thread that is copying keeps the file system busy.
    complete(false);
  });

  it('does not fail the next request when the first caller was killed', () => {
    const key = parked(openForWriting);
    expect(complete(false)).toEqual([key]);
    expect(parked(openForWriting)).not.toBe(key);
    complete(false);
  });

  it('does not affect the file when the waiting request needed no copy', () => {
    union.open(big, sys.O_RDONLY, null);
    const key = parked(openForWriting);
    expect(parked(() => union.unlink(ROOT_ID, BIG))).toBe(key);
    complete(true);
    union.unlink(ROOT_ID, BIG);
    expect(union.setattr(big, { size: 0 }, caller).attr.size).toBe(0);
  });

  it('leaves nothing in the work directory, and leaves room for smaller files', () => {
    parked(openForWriting);
    complete(false);
    expect(readdirSync(join(small, 'work', 'work'))).toEqual([]);
    expect(union.setattr(big, { size: 1000 }, caller).attr.size).toBe(1000);
    expect(sys.stat(join(small, 'upper', 'big')).size).toBe(1000);
  });
});
