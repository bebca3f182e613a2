/**
 * Calls the union's Operations as a transport does. The layers are real directories, but there is no mount.
 */
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../src/core/brand.js';
import { isErrno } from '../../../src/core/errno.js';
import type { DirectorySink, Entry, Operations } from '../../../src/fuse/operations.js';
import { setXattr } from '../../../src/sys/files/xattr.js';
import { getInodeFlags, setInodeFlags } from '../../../src/sys/ioctl.js';
import { createUnion } from '../../../src/union/index.js';

const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const O_RDWR = 2;

let home: string;
let union: Operations;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-union-'));
  for (const name of ['top/d', 'base/d', 'base/only/deep', 'upper', 'work'])
    mkdirSync(join(home, name), { recursive: true });
  writeFileSync(join(home, 'top/d/a'), 'top');
  writeFileSync(join(home, 'base/d/a'), 'base');
  writeFileSync(join(home, 'base/d/b'), 'base');
  union = createUnion({
    lowers: [join(home, 'top'), join(home, 'base')],
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    volatile: true,
    log: () => {},
  });
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function name(text: string): EntryName {
  return text as EntryName;
}

function walk(path: string): NodeId {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/')) {
    const entry = union.lookup(id, name(part));
    if (entry === null) throw new Error(`${path}: ${part} is not there`);
    id = entry.nodeid;
  }
  return id;
}

function names(id: NodeId, plus = false): string[] {
  const seen: string[] = [];
  const sink: DirectorySink = {
    fits: () => true,
    add: (entry) => seen.push(entry),
    addPlus(entry, _ino, _type, _cookie, found: Entry | null) {
      seen.push(entry);
      if (found !== null) union.forget(found.nodeid, 1);
    },
  };
  union.readdir(id, 0, sink, { plus, noatime: false });
  return seen.filter((entry) => entry !== '.' && entry !== '..').sort();
}

function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('the merged tree', () => {
  it('shows the topmost file and all names', () => {
    expect(names(walk('d'))).toEqual(['a', 'b']);
    expect(names(ROOT_ID, true)).toEqual(['d', 'only']);
  });

  it('hides a lower name without touching the layer', () => {
    union.unlink(walk('d'), name('a'));
    expect(union.lookup(walk('d'), name('a'))).toBeNull();
    expect(names(walk('d'))).toEqual(['b']);
    expect(readFileSync(join(home, 'top/d/a'), 'utf8')).toBe('top');
  });

  it('gives a copied-up file the same node and number', () => {
    const id = walk('d/b');
    const { ino } = union.getattr(id).attr;
    union.setattr(id, { mode: 0o600 }, caller);
    expect(walk('d/b')).toBe(id);
    expect(union.getattr(id).attr.ino).toBe(ino);
    expect(readFileSync(join(home, 'upper/d/b'), 'utf8')).toBe('base');
  });
});

/** linux/fs.h. */
const FS_IMMUTABLE_FL = 0x10;

describe.skipIf(process.geteuid?.() !== 0)('a protected object of a lower layer (inode flags need root)', () => {
  function protect(path: string, body: () => void): void {
    const fd = openSync(join(home, path), 'r');
    const before = getInodeFlags(fd);
    setInodeFlags(fd, before | FS_IMMUTABLE_FL);
    try {
      body();
    } finally {
      setInodeFlags(fd, before);
      closeSync(fd);
    }
  }

  it.each([
    ['removed', () => union.unlink(walk('d'), name('b'))],
    ['replaced', () => union.rename(walk('d'), name('a'), walk('d'), name('b'), 0)],
    ['changed', () => union.setattr(walk('d/b'), { mode: 0o600 }, caller)],
  ])('is not %s: EPERM', (_, change) => {
    protect('base/d/b', () => expect(change).toThrow('EPERM'));
    expect(readdirSync(join(home, 'upper'), { recursive: true })).not.toContain('d/b');
  });

  it('is not removed if it is a directory: EPERM', () => {
    protect('base/only/deep', () => expect(() => union.rmdir(walk('only'), name('deep'))).toThrow('EPERM'));
  });
});

describe('a metacopy, on a mount that does not read data from another layer', () => {
  const namespace = process.geteuid?.() === 0 ? 'trusted' : 'user';

  function mark(object: string, xattr: string, value: Buffer): void {
    const fd = openSync(join(home, 'upper'), 'r');
    setXattr(fd, object, xattr, value);
    closeSync(fd);
  }

  it('cannot be opened, because its own data is incomplete: EPERM', () => {
    writeFileSync(join(home, 'upper/part'), '');
    mark('part', `${namespace}.overlay.metacopy`, Buffer.alloc(0));
    expect(() => union.open(walk('part'), 0, null)).toThrow('EPERM');
  });
});

describe('a node that the kernel forgets', () => {
  it('fails with ESTALE afterwards', () => {
    const id = walk('d/b');
    union.forget(id, 1);
    let error: unknown;
    try {
      union.getattr(id);
    } catch (thrown) {
      error = thrown;
    }
    expect(isErrno(error, 'ESTALE')).toBe(true);
  });

  it('shows the same number after a copy-up and a new lookup', () => {
    const id = walk('d/b');
    const { ino } = union.getattr(id).attr;
    union.setattr(id, { mode: 0o600 }, caller);
    union.forget(id, 1);
    expect(union.getattr(walk('d/b')).attr.ino).toBe(ino);
  });

  it.each([
    ['file', 'd/b'],
    ['directory', 'd'],
    ['symlink', 'link'],
  ])('a setattr without changes copies a %s up for its owner, but not for another user', (_, path) => {
    symlinkSync('d/b', join(home, 'base/link'));
    const id = walk(path);
    const shown = { ...union.getattr(id).attr };
    expect({ ...union.setattr(id, {}, { ...caller, uid: caller.uid + 1000 }).attr }).toEqual(shown);
    expect(readdirSync(join(home, 'upper'))).toEqual([]);
    union.setattr(id, {}, caller);
    expect(readdirSync(join(home, 'upper'))).toHaveLength(1);
  });

  it('does not share its number with another file if it was copied up without a name', () => {
    const id = walk('d/b');
    const { ino } = union.getattr(id).attr;
    union.unlink(walk('d'), name('b'));
    union.setattr(id, { mode: 0o600 }, caller);
    union.forget(id, 1);
    const made = Array.from({ length: 20 }, (_, i) => {
      const { entry } = union.create(ROOT_ID, name(`new${i}`), { mode: 0o644, flags: O_RDWR }, caller);
      const shown = entry.attr.ino;
      union.release(entry.nodeid, O_RDWR);
      return shown;
    });
    expect(made).not.toContain(ino);
  });

  it('leaves no fd open', () => {
    names(ROOT_ID);
    const before = openFds();
    for (let round = 0; round < 50; round++) {
      const { entry, opened } = union.create(ROOT_ID, name(`f${round}`), { mode: 0o644, flags: O_RDWR }, caller);
      expect(opened.backingId).toBe(0);
      const id = entry.nodeid;
      union.write(id, Buffer.from('data'), 0, 4, 0, null);
      union.unlink(ROOT_ID, name(`f${round}`));
      expect(union.getattr(id).attr.nlink).toBe(0);
      union.release(id, O_RDWR);
      union.forget(id, 1);
    }
    expect(openFds()).toBe(before);
  });
});
