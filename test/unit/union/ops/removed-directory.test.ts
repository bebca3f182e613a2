/** A directory of a lower layer that was removed, and that the kernel has not forgotten yet. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { Operations } from '../../../../src/fuse/operations.js';
import { defaultOverlay } from '../../../../src/union/index.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const CALLER = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const NAME = 'd' as EntryName;

describe('a removed lower directory that the kernel has not forgotten', () => {
  let home: string;
  let union: Operations;
  let held: NodeId;
  beforeEach(() => {
    home = makeUnionHome('removed-directory');
    mkdirSync(join(home, 'lower/d'));
    const overlay = defaultOverlay(process.geteuid?.() === 0 ? 'trusted' : 'user');
    union = openUnion(home, { overlay, work: join(home, 'work') });
    const entry = union.lookup(ROOT_ID, NAME);
    if (entry === null) throw new Error('lookup did not find d');
    held = entry.nodeid;
    union.rmdir(ROOT_ID, NAME);
  });
  afterEach(() => {
    union.close();
    rmSync(home, { recursive: true });
  });

  it('can be changed: it gets an fd until FORGET, and no name in the upper or the work directory', () => {
    const fds = (): number => readdirSync('/proc/self/fd').length;
    const [before, staged] = [fds(), readdirSync(join(home, 'work/work'))];
    expect(union.setattr(held, { mode: 0o711 }, CALLER).attr.mode & 0o7777).toBe(0o711);
    expect(union.setattr(held, { mode: 0o700 }, CALLER).attr).toMatchObject({ nlink: 0 });
    expect(fds()).toBe(before + 1);
    expect(readdirSync(join(home, 'work/work'))).toEqual(staged);
    expect(union.lookup(ROOT_ID, NAME)).toBeNull();
    expect(() => union.mkdir(held, NAME, 0o755, CALLER)).toThrow('ENOENT');
    union.forget(held, 1);
    expect(fds()).toBe(before);
  });

  it('does not change a new directory of the same name', () => {
    const { nodeid } = union.mkdir(ROOT_ID, NAME, 0o755, CALLER);
    union.setattr(held, { mode: 0o700 }, CALLER);
    expect(union.getattr(nodeid).attr.mode & 0o7777).toBe(0o755);
    expect(union.getattr(held).attr.mode & 0o7777).toBe(0o700);
  });
});
