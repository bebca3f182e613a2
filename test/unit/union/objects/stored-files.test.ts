/** Files whose data the server sends to the kernel when they are opened. */
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { KernelChannel, Operations } from '../../../../src/fuse/operations.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const [O_RDONLY, O_RDWR] = [0, 2];
const LIMIT = 10;

let home: string;
let union: Operations;
/** The node and the size of each stored file. */
let stored: [NodeId, number][];

beforeEach(() => {
  home = makeUnionHome('stored');
  writeFileSync(join(home, 'lower/empty'), '');
  writeFileSync(join(home, 'lower/most'), 'x'.repeat(LIMIT));
  writeFileSync(join(home, 'lower/more'), 'x'.repeat(LIMIT + 1));
  writeFileSync(join(home, 'upper/upper'), 'upper');
  union = openUnion(home);
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function attach({ passthrough = false } = {}): void {
  stored = [];
  const channel: KernelChannel = {
    backingOpen: () => 7,
    backingClose: () => {},
    invalidateAttributes: () => {},
    invalidateData: () => {},
    storeLimit: LIMIT,
    storeData: (nodeid, _fd, size) => stored.push([nodeid, size]),
    syncInBackground: () => false,
  };
  union.attach(channel, { passthrough });
}

function find(name: string): NodeId {
  const entry = union.lookup(ROOT_ID, name as EntryName);
  if (entry === null) throw new Error(`${name} is not there`);
  return entry.nodeid;
}

function openAndClose(node: NodeId, flags = O_RDONLY): void {
  union.open(node, flags, null);
  union.release(node, flags);
}

describe('data is stored when a file is opened', () => {
  it('for reading, for the first time', () => {
    attach();
    const node = find('most');
    openAndClose(node);
    expect(stored).toEqual([[node, LIMIT]]);
  });

  it.each(['empty', 'more'])('unless the file is empty or too large: %s', (name) => {
    attach();
    openAndClose(find(name));
    expect(stored).toEqual([]);
  });

  it('never a second time: the kernel can have locked pages of the file', () => {
    attach();
    const node = find('most');
    openAndClose(node);
    openAndClose(node);
    expect(stored).toHaveLength(1);
  });

  it('never while it is already open', () => {
    attach();
    const node = find('most');
    union.open(node, O_RDONLY, null);
    union.open(node, O_RDONLY, null);
    expect(stored).toHaveLength(1);
    union.release(node, O_RDONLY);
    union.release(node, O_RDONLY);
  });

  it.each([
    ['made', () => union.create(ROOT_ID, 'new' as EntryName, { mode: 0o644, flags: O_RDWR }, caller).entry.nodeid],
  ])('never when it has been %s here: the kernel has the pages that were written', (_, make) => {
    attach();
    const node = make();
    union.write(node, Buffer.from('data'), 0, 4, 0, null);
    union.release(node, O_RDWR);
    openAndClose(node);
    expect(stored).toEqual([]);
  });

  it('never after it was open for writing', () => {
    attach();
    const node = find('most');
    openAndClose(node, O_RDWR);
    openAndClose(node);
    expect(stored).toEqual([]);
  });

  it('a second time after the kernel has forgotten the file', () => {
    attach();
    openAndClose(find('most'));
    union.forget(find('most'), 2);
    const node = find('most');
    openAndClose(node);
    expect(stored.at(-1)).toEqual([node, LIMIT]);
    expect(stored).toHaveLength(2);
  });

  it('with the size that the file has at that time', () => {
    attach();
    const node = find('most');
    truncateSync(join(home, 'lower/most'), 3);
    openAndClose(node);
    expect(stored).toEqual([[node, 3]]);
  });

  it('for an upper file only without passthrough', () => {
    attach({ passthrough: true });
    openAndClose(find('upper'));
    expect(stored).toEqual([]);
    attach({ passthrough: false });
    union.forget(find('upper'), 2);
    openAndClose(find('upper'));
    expect(stored).toHaveLength(1);
  });
});
