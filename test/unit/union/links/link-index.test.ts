/**
 * `index=on`: lower files with several links remain one file after a copy-up and at the next mount, through
 * the Operations contract.
 */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { close, openTrusted } from '../../../../src/sys/files/open.js';
import { findXattr, setXattr } from '../../../../src/sys/files/xattr.js';
import { createUnion, defaultOverlay } from '../../../../src/union/index.js';

const isRoot = process.geteuid?.() === 0;
const CALLER = { uid: 0, gid: 0, pid: process.pid, umask: 0o022 };
const NLINK = 'trusted.overlay.nlink';
const ORIGIN = 'trusted.overlay.origin';
const O_RDWR = 2;
const RENAME_EXCHANGE = 2;

let home: string;
let union: Operations;
let log: string[];

function mount(lower = 'lower', index = true): Operations {
  return createUnion({
    lowers: [join(home, lower)],
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    overlay: { ...defaultOverlay('trusted'), index },
    volatile: true,
    log: (line) => log.push(line),
  });
}

function remount(between: () => void = () => {}): void {
  union.close();
  between();
  union = mount();
}

function walk(path: string): NodeId {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter((piece) => piece !== '.')) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) throw new Error(`${path}: ${part} is not there`);
    id = entry.nodeid;
  }
  return id;
}

const parent = (path: string): NodeId => walk(dirname(path));
const name = (path: string): EntryName => basename(path) as EntryName;
const chmod = (path: string, mode: number): void => {
  union.setattr(walk(path), { mode }, CALLER);
};
const unlink = (path: string): void => union.unlink(parent(path), name(path));
const link = (path: string, to: string): void => {
  union.link(walk(path), parent(to), name(to));
};
const rename = (from: string, to: string, flags = 0): void =>
  union.rename(parent(from), name(from), parent(to), name(to), flags);

function write(path: string, text: string): void {
  const id = walk(path);
  union.open(id, O_RDWR, null);
  union.write(id, Buffer.from(text), 0, text.length, 0, null);
  union.release(id, O_RDWR);
}

function names(path: string): string[] {
  const seen: string[] = [];
  const sink: DirectorySink = { fits: () => true, add: (entry) => seen.push(entry), addPlus: () => {} };
  union.readdir(walk(path), 0, sink, { plus: false, noatime: false });
  return seen.filter((entry) => !entry.startsWith('.')).sort();
}

/** Name → inode number, permissions and link count. They are equal for all names of one file. */
function shown(path = 'd'): Record<string, string> {
  return Object.fromEntries(
    names(path).map((entry) => {
      const { attr } = union.getattr(walk(`${path}/${entry}`));
      const which = attr.ino === lowerNumber ? 'the file' : 'another';
      return [entry, `${which} ${(attr.mode & 0o777).toString(8)} ${attr.nlink}`];
    }),
  );
}

/** The directory of the lower file with three names. */
let lowerNumber: number;

const indexed = (): string[] => readdirSync(join(home, 'work/index'));
const entry = (): string => join(home, 'work/index', indexed()[0] as string);

function onDirectoryOf<T>(path: string, body: (fd: number, entryName: string) => T): T {
  const fd = openTrusted(dirname(path), 0);
  try {
    return body(fd, basename(path));
  } finally {
    close(fd);
  }
}

const xattrOf = (path: string, xattr: string): Buffer | null =>
  onDirectoryOf(path, (fd, at) => findXattr(fd, at, xattr));
const setXattrOf = (path: string, xattr: string, value: Uint8Array): void =>
  onDirectoryOf(path, (fd, at) => setXattr(fd, at, xattr, value));
const countOf = (path: string): string | undefined => xattrOf(path, NLINK)?.toString();

describe.skipIf(!isRoot)(`index=on${isRoot ? '' : ': needs CAP_DAC_READ_SEARCH'}`, () => {
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'plyfs-index-'));
    for (const dir of ['lower/d', 'lower/e', 'upper', 'work', 'other']) mkdirSync(join(home, dir), { recursive: true });
    writeFileSync(join(home, 'lower/d/a'), 'lower', { mode: 0o644 });
    for (const other of ['b', 'c']) linkSync(join(home, 'lower/d/a'), join(home, 'lower/d', other));
    lowerNumber = lstatSync(join(home, 'lower/d/a')).ino;
    log = [];
    union = mount();
  });
  afterEach(() => {
    union.close();
    rmSync(home, { recursive: true });
  });

  it('a change through one name is visible through all, at the next mount too', () => {
    write('d/b', 'upper');
    const expected = { a: 'the file 644 3', b: 'the file 644 3', c: 'the file 644 3' };
    expect(shown()).toEqual(expected);
    remount();
    expect(shown()).toEqual(expected);
    expect(new Set(['a', 'b', 'c'].map((one) => walk(`d/${one}`))).size).toBe(1);
    const id = walk('d/c');
    const bytes = Buffer.alloc(5);
    union.open(id, 0, null);
    union.read(id, bytes, 0, 5, 0);
    union.release(id, 0);
    expect(bytes.toString()).toBe('upper');
  });

  it('a change through one name gives only that name to the upper', () => {
    chmod('d/b', 0o600);
    expect(readdirSync(join(home, 'upper/d'))).toEqual(['b']);
    expect(countOf(entry())).toBe('U+1');
    remount();
    chmod('d/c', 0o640);
    expect(readdirSync(join(home, 'upper/d')).sort()).toEqual(['b', 'c']);
    expect(countOf(entry())).toBe('U+0');
  });

  it('a removed name is counted, also of a file that was not changed', () => {
    unlink('d/a');
    const expected = { b: 'the file 644 2', c: 'the file 644 2' };
    expect(shown()).toEqual(expected);
    expect(countOf(entry())).toBe('U+1');
    remount();
    expect(shown()).toEqual(expected);
  });

  it('the entry is removed with the last name', () => {
    link('d/a', 'e/more');
    for (const path of ['d/a', 'd/b', 'd/c']) unlink(path);
    expect(indexed()).toHaveLength(1);
    remount();
    expect(shown('e')).toEqual({ more: 'the file 644 1' });
    unlink('e/more');
    expect(indexed()).toEqual([]);
    expect(names('d')).toEqual([]);
  });

  it('a file that is open when its last name is removed exists until it is closed', () => {
    const id = walk('d/a');
    union.open(id, O_RDWR, null);
    for (const path of ['d/a', 'd/b', 'd/c']) unlink(path);
    expect(union.getattr(id).attr.nlink).toBe(0);
    expect(union.write(id, Buffer.from('x'), 0, 1, 0, null)).toBe(1);
    union.release(id, O_RDWR);
    expect(indexed()).toEqual([]);
  });

  describe('names that the lower layer gets while it is mounted', () => {
    const add = (): void => {
      for (const late of ['late', 'later']) linkSync(join(home, 'lower/d/a'), join(home, 'lower/e', late));
    };
    /** The link counts in a plain directory while one name after the other is removed. */
    function expectCounts(): void {
      expect(shown('e')).toEqual({ late: 'the file 600 5', later: 'the file 600 5' });
      for (const [i, path] of ['d/a', 'd/b', 'd/c'].entries()) {
        unlink(path);
        expect(shown('e')).toEqual({ late: `the file 600 ${4 - i}`, later: `the file 600 ${4 - i}` });
      }
      link('e/later', 'd/new');
      unlink('e/later');
      unlink('e/late');
      expect(shown()).toEqual({ new: 'the file 600 1' });
      remount();
      expect(shown()).toEqual({ new: 'the file 600 1' });
      unlink('d/new');
      expect(indexed()).toEqual([]);
    }

    it('are counted if they are looked up before the first change', () => {
      const id = walk('d/a');
      add();
      expect(walk('e/late')).toBe(id);
      expect(union.getattr(id).attr.nlink).toBe(5);
      chmod('d/a', 0o600);
      expectCounts();
    });

    it('are counted if they are created after the first change', () => {
      chmod('d/a', 0o600);
      walk('d/b');
      add();
      expectCounts();
    });

    it('show the copy after all older names were removed', () => {
      chmod('d/a', 0o600);
      add();
      for (const path of ['d/a', 'd/b', 'd/c']) unlink(path);
      expect(shown('e')).toEqual({ late: 'the file 600 2', later: 'the file 600 2' });
      remount();
      expect(shown('e')).toEqual({ late: 'the file 600 2', later: 'the file 600 2' });
    });

    it('show the lower file, with a new number, if it had one name and was copied up', () => {
      writeFileSync(join(home, 'lower/e/single'), 'lower', { mode: 0o644 });
      remount();
      chmod('e/single', 0o600);
      const copy = union.getattr(walk('e/single')).attr.ino;
      linkSync(join(home, 'lower/e/single'), join(home, 'lower/e/late'));
      expect(shown('e')).toEqual({ late: 'another 644 2', single: 'another 600 1' });
      expect(union.getattr(walk('e/late')).attr.ino).not.toBe(copy);
    });
  });

  it('names can be renamed, replaced and exchanged', () => {
    writeFileSync(join(home, 'lower/e/single'), 'single', { mode: 0o644 });
    remount();
    rename('d/a', 'e/moved');
    rename('e/single', 'd/b');
    chmod('e/moved', 0o600);
    const inD = { b: 'another 644 1', c: 'the file 600 2' };
    expect(shown()).toEqual(inD);
    expect(shown('e')).toEqual({ moved: 'the file 600 2' });
    rename('d/b', 'd/c', RENAME_EXCHANGE);
    remount();
    expect(shown()).toEqual({ b: 'the file 600 2', c: 'another 644 1' });
    expect(shown('e')).toEqual({ moved: 'the file 600 2' });
  });

  it('symlinks with several links remain one symlink', () => {
    symlinkSync('target', join(home, 'lower/e/s'));
    linkSync(join(home, 'lower/e/s'), join(home, 'lower/e/t'));
    remount();
    union.setattr(walk('e/s'), { uid: 1 }, CALLER);
    remount();
    expect(union.getattr(walk('e/t')).attr).toMatchObject({ uid: 1, nlink: 2 });
  });

  describe('after a killed server', () => {
    it('a copy with an entry and no upper name is visible through all names', () => {
      chmod('d/b', 0o600);
      remount(() => {
        setXattrOf(entry(), NLINK, Buffer.from('L+0'));
        unlinkSync(join(home, 'upper/d/b'));
      });
      const expected = { a: 'the file 600 3', b: 'the file 600 3', c: 'the file 600 3' };
      expect(shown()).toEqual(expected);
      unlink('d/b');
      remount();
      expect(shown()).toEqual({ a: 'the file 600 2', c: 'the file 600 2' });
    });

    it('a link that has replaced a lower name and is not counted yet is counted', () => {
      chmod('d/b', 0o600);
      remount(() => setXattrOf(entry(), NLINK, Buffer.from('L+0')));
      expect(shown()).toEqual({ a: 'the file 600 3', b: 'the file 600 3', c: 'the file 600 3' });
      unlink('d/b');
      expect(shown()).toEqual({ a: 'the file 600 2', c: 'the file 600 2' });
      expect(countOf(entry())).toBe('U+1');
    });

    it('an entry whose last name was removed is removed', () => {
      chmod('d/b', 0o600);
      for (const path of ['d/a', 'd/c']) unlink(path);
      const left = entry();
      remount(() => {
        unlinkSync(join(home, 'upper/d/b'));
        expect(countOf(left)).toBe('U-1');
      });
      expect(indexed()).toEqual([]);
    });

    it('an entry without a stored count and without names is removed', () => {
      chmod('d/b', 0o600);
      remount(() => {
        unlinkSync(join(home, 'upper/d/b'));
        onDirectoryOf(entry(), (fd, at) => setXattr(fd, at, NLINK, Buffer.from('none')));
      });
      expect(indexed()).toEqual([]);
      expect(shown()).toEqual({ a: 'the file 644 3', b: 'the file 644 3', c: 'the file 644 3' });
    });

    it('temporary objects of the kernel are removed, and entries of directories remain', () => {
      union.close();
      const directory = '00fb1d000100000000000000000000000000000000ffffffff00000000';
      mkdirSync(join(home, 'work/index/#5/deep'), { recursive: true });
      mkdirSync(join(home, 'work/index', directory));
      union = mount();
      expect(indexed()).toEqual([directory]);
    });
  });

  it('an entry of another file than the one in its name is removed', () => {
    chmod('d/b', 0o600);
    writeFileSync(join(home, 'lower/e/single'), '');
    remount();
    chmod('e/single', 0o600);
    remount(() => setXattrOf(entry(), ORIGIN, xattrOf(join(home, 'upper/e/single'), ORIGIN) as Buffer));
    expect(indexed()).toEqual([]);
    expect(shown().a).toBe('the file 644 3');
  });

  it('an entry whose lower file was removed is one of an upper file, which keeps its other names', () => {
    chmod('d/b', 0o600);
    remount(() => {
      for (const one of ['a', 'b', 'c']) unlinkSync(join(home, 'lower/d', one));
    });
    expect(names('d')).toEqual(['b']);
    expect(shown().b).toMatch(/^another 600/);
  });

  it('an invalid entry makes the mount fail: EINVAL', () => {
    union.close();
    writeFileSync(join(home, 'work/index/odd'), '');
    expect(() => mount()).toThrow('EINVAL');
    unlinkSync(join(home, 'work/index/odd'));
    union = mount();
  });

  it('an upper with an index of another lower is refused: ESTALE', () => {
    union.close();
    expect(() => mount('other')).toThrow('ESTALE');
    mount('other', false).close();
    union = mount();
  });

  it('an upper that is in use is refused: EBUSY', () => {
    expect(() => mount()).toThrow('EBUSY');
    expect(shown().a).toBe('the file 644 3');
  });

  it('without index, links are broken, and the index is not changed', () => {
    chmod('d/b', 0o600);
    union.close();
    union = mount('lower', false);
    expect(shown()).toEqual({ a: 'the file 644 3', b: 'another 600 2', c: 'the file 644 3' });
    expect(existsSync(entry())).toBe(true);
    expect(readFileSync(entry(), 'utf8')).toBe('lower');
  });
});
