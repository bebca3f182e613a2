/** The pinned fd of a file that has lost the name at which its node was. A new place by name closes it. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { O_RDWR } from '../../../../src/core/flags.js';
import type { Operations } from '../../../../src/fuse/operations.js';
import { defaultOverlay } from '../../../../src/union/index.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const CALLER = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const RENAME_EXCHANGE = 2;

const name = (text: string): EntryName => text as EntryName;
const fds = (): number => readdirSync('/proc/self/fd').length;

describe('a file that has lost the name at which its node was', () => {
  let home: string;
  let union: Operations;
  let file: NodeId;
  let before: number;

  function createClosed(entry: string): NodeId {
    const { nodeid } = union.create(ROOT_ID, name(entry), { mode: 0o644, flags: O_RDWR }, CALLER).entry;
    union.release(nodeid, O_RDWR);
    return nodeid;
  }

  beforeEach(() => {
    home = makeUnionHome('place-at');
    const overlay = defaultOverlay(process.geteuid?.() === 0 ? 'trusted' : 'user');
    union = openUnion(home, { overlay, work: join(home, 'work') });
    createClosed('other');
    file = createClosed('known');
    union.link(file, ROOT_ID, name('second'));
    before = fds();
    union.unlink(ROOT_ID, name('known'));
    expect(fds()).toBe(before + 1);
  });
  afterEach(() => {
    union.close();
    rmSync(home, { recursive: true });
  });

  it.each([
    ['its other name is looked up', () => union.lookup(ROOT_ID, name('second'))],
    ['it gets a new name', () => union.link(file, ROOT_ID, name('third'))],
    ['its other name is renamed', () => union.rename(ROOT_ID, name('second'), ROOT_ID, name('third'), 0)],
    [
      'its other name is exchanged with that of another file',
      () => union.rename(ROOT_ID, name('other'), ROOT_ID, name('second'), RENAME_EXCHANGE),
    ],
  ])('holds no fd when %s', (_when, change) => {
    change();
    expect(fds()).toBe(before);
    expect(union.getattr(file).attr.nlink).toBeGreaterThan(0);
  });
});
