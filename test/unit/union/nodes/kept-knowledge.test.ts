/**
 * The results that the union caches so that it does not read the disk again, and the changes after which it
 * does.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { Operations } from '../../../../src/fuse/operations.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const O_RDWR = 2;
const isRoot = process.geteuid?.() === 0;

let home: string;
let union: Operations;

beforeEach(() => {
  home = makeUnionHome('kept');
  writeFileSync(join(home, 'lower/old'), 'old');
  union = openUnion(home);
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function name(text: string): EntryName {
  return text as EntryName;
}

function find(parent: NodeId, entry: string): NodeId | null {
  return union.lookup(parent, name(entry))?.nodeid ?? null;
}

function make(parent: NodeId, entry: string): NodeId {
  const { nodeid } = union.create(parent, name(entry), { mode: 0o644, flags: O_RDWR }, caller).entry;
  union.release(nodeid, O_RDWR);
  return nodeid;
}

describe('the names of a directory that was created in this mount', () => {
  let dir: NodeId;
  beforeEach(() => {
    dir = union.mkdir(ROOT_ID, name('new'), 0o755, caller).nodeid;
  });

  it('are known without reading the disk', () => {
    writeFileSync(join(home, 'upper/new/behind'), '');
    expect(find(dir, 'behind')).toBeNull();
  });

  it('are read from the disk after the kernel has forgotten one of them', () => {
    const node = make(dir, 'a');
    union.forget(node, 1);
    expect(find(dir, 'a')).not.toBeNull();
  });

  it('are still known when one has been removed', () => {
    const node = make(dir, 'a');
    union.unlink(dir, name('a'));
    union.forget(node, 1);
    writeFileSync(join(home, 'upper/new/a'), '');
    expect(find(dir, 'a')).toBeNull();
  });

  it('are found when they are links to a file whose node is at another name', () => {
    const node = make(ROOT_ID, 'elsewhere');
    union.link(node, dir, name('link'));
    expect(find(dir, 'link')).toBe(node);
  });

  it('are found when the node of the file is still at another of its names', () => {
    const node = make(dir, 'a');
    union.link(node, ROOT_ID, name('elsewhere'));
    union.rename(ROOT_ID, name('elsewhere'), dir, name('moved'), 0);
    expect(find(dir, 'moved')).toBe(node);
    expect(find(dir, 'a')).toBe(node);
  });

  it('are found when they were exchanged with one of several names of a file', () => {
    const [inside, outside] = [make(dir, 'a'), make(ROOT_ID, 'b')];
    union.link(outside, ROOT_ID, name('c'));
    const RENAME_EXCHANGE = 2;
    union.rename(dir, name('a'), ROOT_ID, name('c'), RENAME_EXCHANGE);
    expect([find(dir, 'a'), find(ROOT_ID, 'c')]).toEqual([outside, inside]);
  });
});

describe.skipIf(!isRoot)(`capabilities of a file${isRoot ? '' : ': setting them needs CAP_SETFCAP'}`, () => {
  const CAPABILITY = 'security.capability';
  /** struct vfs_cap_data (linux/capability.h): revision 2, CAP_CHOWN permitted. */
  const value = Buffer.from('0000000201000000000000000000000000000000', 'hex');

  it.each([
    ['a new file', () => make(ROOT_ID, 'new')],
    ['a lower file', () => find(ROOT_ID, 'old') as NodeId],
  ])('are shown after they are set, and not after they are removed: %s', (_, of) => {
    const node = of();
    expect(union.getxattr(node, CAPABILITY)).toBeNull();
    union.setxattr(node, CAPABILITY, value, { flags: 0, killSetGid: false });
    expect(union.getxattr(node, CAPABILITY)).toEqual(value);
    union.removexattr(node, CAPABILITY);
    expect(union.getxattr(node, CAPABILITY)).toBeNull();
  });
});
