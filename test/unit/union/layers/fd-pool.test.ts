/** File descriptors that several unions of one process share. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName, NodeId } from '../../../../src/core/brand.js';
import { Errno } from '../../../../src/core/errno.js';
import type { Operations } from '../../../../src/fuse/operations.js';
import { errnoOf } from '../../../../src/server/config/mount-error.js';
import { FdPool } from '../../../../src/union/layers/fd-pool.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const ROOT = 1 as NodeId;
const FILES = 60;

function openAll(union: Operations): { opened: number; errno: number | undefined } {
  for (let i = 0; i < FILES; i++) {
    const entry = union.lookup(ROOT, `file${i}` as EntryName);
    try {
      union.open(entry?.nodeid as NodeId, 0, null);
    } catch (error) {
      return { opened: i, errno: errnoOf(error) };
    }
  }
  return { opened: FILES, errno: undefined };
}

describe('unions that share the fds of the process', () => {
  const homes: string[] = [];
  const unions: Operations[] = [];

  function open(fdPool: FdPool): Operations {
    const home = makeUnionHome('fd-pool');
    homes.push(home);
    for (let i = 0; i < FILES; i++) writeFileSync(join(home, 'lower', `file${i}`), '');
    const union = openUnion(home, { fdPool });
    unions.push(union);
    return union;
  }

  let pool: FdPool;
  beforeEach(() => {
    // 100 for the files and directories of two unions; each needs 37 besides (see `createUnion`).
    pool = FdPool.make(100 + 2 * 37);
  });

  afterEach(() => {
    for (const union of unions.splice(0)) union.close();
    for (const home of homes.splice(0)) rmSync(home, { recursive: true });
  });

  it('a greedy one takes half of them, and leaves the others their share', () => {
    const [greedy, modest] = [open(pool), open(pool)];
    expect(openAll(greedy)).toEqual({ opened: 50, errno: Errno.ENFILE });
    // An eighth: half of a quarter.
    expect(openAll(modest)).toEqual({ opened: 12, errno: Errno.ENFILE });
  });

  it('one that ends gives its fds back', () => {
    const [greedy, modest] = [open(pool), open(pool)];
    openAll(greedy);
    greedy.close();
    unions.splice(unions.indexOf(greedy), 1);
    // Now half of 100 + 37.
    expect(openAll(modest).opened).toBe(FILES);
  });

  it('all threads see the same numbers', () => {
    const other = new FdPool(pool.memory);
    other.join(74);
    expect(pool.directories).toBe(25);
    for (let i = 0; i < 50; i++) other.fileOpened();
    expect(pool.canOpen(24)).toBe(true);
    expect(pool.canOpen(25)).toBe(false);
    other.leave(74, 50);
    expect(pool.canOpen(25)).toBe(true);
  });

  it('each keeps fewer directories open when there are more of them', () => {
    open(pool);
    const before = pool.directories;
    open(pool);
    expect(pool.directories).toBe(Math.floor(before / 2) - 5);
  });
});
