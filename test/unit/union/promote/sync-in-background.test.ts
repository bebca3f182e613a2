/** A copy-up waits for the disk before it is published. Other mounts of the thread are served meanwhile. */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { O_RDONLY, O_RDWR } from '../../../../src/core/flags.js';
import { type KernelChannel, type Operations, Parked } from '../../../../src/fuse/operations.js';
import { getXattr } from '../../../../src/sys/files/xattr.js';
import { defaultOverlay, type UnionConfig } from '../../../../src/union/index.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };

const xattrs = process.geteuid?.() === 0 ? 'trusted' : 'user';
/** A change of attributes copies only the attributes. */
const METACOPY = { overlay: { ...defaultOverlay(xattrs), redirect: 'on', metacopy: true } } as const;

let home: string;
let union: Operations;
/** Ends the syncs that have begun. */
let syncs: ((errno: number) => void)[];
let isShared: boolean;

beforeEach(() => {
  home = makeUnionHome('synced');
  writeFileSync(join(home, 'lower/file'), 'lower');
  start(false);
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function start(volatile: boolean, more: Partial<UnionConfig> = {}): void {
  union = openUnion(home, { volatile, ...more });
  syncs = [];
  isShared = true;
  const channel: KernelChannel = {
    backingOpen: () => -1,
    backingClose: () => {},
    invalidateAttributes: () => {},
    invalidateData: () => {},
    storeLimit: 0,
    storeData: () => {},
    syncInBackground: (_fd, done) => {
      if (isShared) syncs.push(done);
      return isShared;
    },
  };
  union.attach(channel, { passthrough: false });
}

function find(name: string): NodeId {
  const entry = union.lookup(ROOT_ID, name as EntryName);
  if (entry === null) throw new Error(`${name} is not there`);
  return entry.nodeid;
}

/** Calls an operation. Returns the key of the work that it waits for. */
function keyOf(operation: () => unknown): number {
  try {
    operation();
  } catch (error) {
    if (error instanceof Parked) return error.key;
    throw error;
  }
  return 0;
}

const inUpper = (): string[] => readdirSync(join(home, 'upper'));
const staged = (): string[] => readdirSync(join(home, 'work/work'));

describe('a copy-up on a thread with other mounts', () => {
  it('is published when the disk has its data, and the request succeeds then', () => {
    const node = find('file');
    const open = (): unknown => union.open(node, O_RDWR, null);
    const key = keyOf(open);
    expect(key).toBeGreaterThan(0);
    expect(inUpper()).toEqual([]);
    expect(union.takeCompleted(() => true)).toEqual([]);
    syncs[0]?.(0);
    expect(union.takeCompleted(() => true)).toEqual([key]);
    expect(readFileSync(join(home, 'upper/file'), 'utf8')).toBe('lower');
    expect(keyOf(open)).toBe(0);
    union.release(node, O_RDWR);
    expect(syncs).toHaveLength(1);
  });

  it('is shared by all requests that need it; readers do not wait', () => {
    const node = find('file');
    const key = keyOf(() => union.open(node, O_RDWR, null));
    expect(keyOf(() => union.setattr(node, { mode: 0o600 }, caller))).toBe(key);
    expect(keyOf(() => union.open(node, O_RDONLY, null))).toBe(0);
    const into = Buffer.alloc(5);
    union.read(node, into, 0, 5, 0, O_RDONLY);
    expect(into.toString()).toBe('lower');
    union.release(node, O_RDONLY);
    syncs[0]?.(0);
    expect(union.takeCompleted(() => true)).toEqual([key]);
    expect(union.setattr(node, { mode: 0o600 }, caller).attr.mode & 0o777).toBe(0o600);
  });

  it('fails with the errno of the sync, and leaves nothing behind', () => {
    const node = find('file');
    const key = keyOf(() => union.open(node, O_RDWR, null));
    syncs[0]?.(5);
    expect(union.takeCompleted(() => true)).toEqual([key]);
    expect(() => union.open(node, O_RDWR, null)).toThrow('EIO');
    expect([inUpper(), staged()]).toEqual([[], []]);
    expect(keyOf(() => union.open(node, O_RDWR, null))).toBeGreaterThan(key);
  });

  it('leaves nothing behind if the mount ends meanwhile', () => {
    const before = readdirSync('/proc/self/fd').length;
    keyOf(() => union.open(find('file'), O_RDWR, null));
    union.close();
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(before);
    expect([inUpper(), staged()]).toEqual([[], []]);
    start(false);
  });

  it('waits itself if no other mount does, and never on a volatile upper', () => {
    isShared = false;
    const node = find('file');
    expect(keyOf(() => union.open(node, O_RDWR, null))).toBe(0);
    expect(inUpper()).toEqual(['file']);
    union.release(node, O_RDWR);
    union.close();
    rmSync(join(home, 'upper/file'));
    start(true);
    expect(keyOf(() => union.open(find('file'), O_RDWR, null))).toBe(0);
    expect(syncs).toEqual([]);
  });

  it('completes a metacopy when the disk has its data', () => {
    union.close();
    start(false, METACOPY);
    const node = find('file');
    expect(keyOf(() => union.setattr(node, { mode: 0o600 }, caller))).toBe(0);
    const key = keyOf(() => union.open(node, O_RDWR, null));
    expect(key).toBeGreaterThan(0);
    expect(keyOf(() => union.setattr(node, { mode: 0o640 }, caller))).toBe(key);
    syncs[0]?.(0);
    expect(union.takeCompleted(() => true)).toEqual([key]);
    expect(readFileSync(join(home, 'upper/file'), 'utf8')).toBe('lower');
    expect(keyOf(() => union.open(node, O_RDWR, null))).toBe(0);
    union.release(node, O_RDWR);
    expect(union.getattr(node).attr.mode & 0o777).toBe(0o600);
  });

  it('leaves a metacopy as it was if the sync fails', () => {
    union.close();
    start(false, METACOPY);
    const node = find('file');
    union.setattr(node, { mode: 0o600 }, caller);
    keyOf(() => union.open(node, O_RDWR, null));
    syncs[0]?.(5);
    union.takeCompleted(() => true);
    expect(() => union.open(node, O_RDWR, null)).toThrow('EIO');
    const into = Buffer.alloc(5);
    union.open(node, O_RDONLY, null);
    expect(union.read(node, into, 0, 5, 0)).toBe(5);
    expect(into.toString()).toBe('lower');
    union.release(node, O_RDONLY);
    const fd = openSync(join(home, 'upper/file'), 'r');
    expect(getXattr(fd, '', `${xattrs}.overlay.metacopy`)).not.toBeNull();
    closeSync(fd);
  });

  it('waits itself if the request truncates the file, too', () => {
    expect(keyOf(() => union.setattr(find('file'), { size: 3 }, caller))).toBe(0);
    expect(readFileSync(join(home, 'upper/file'), 'utf8')).toBe('low');
    expect(syncs).toEqual([]);
  });
});
