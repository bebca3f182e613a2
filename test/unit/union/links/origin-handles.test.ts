/**
 * Upper objects that record which lower file they are copies of, and the inode numbers that they show.
 */
import {
  closeSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { findXattr, setXattr } from '../../../../src/sys/files/xattr.js';
import { createUnion, defaultOverlay } from '../../../../src/union/index.js';

const isRoot = process.geteuid?.() === 0;
const xattrs = isRoot ? 'trusted' : 'user';
const ORIGIN = `${xattrs}.overlay.origin`;
const IMPURE = `${xattrs}.overlay.impure`;
const CALLER = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };

let home: string;
let union: Operations;
let log: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-origins-'));
  for (const dir of ['lower/d', 'lower/e', 'upper', 'work']) mkdirSync(join(home, dir), { recursive: true });
  for (const name of ['a', 'b']) writeFileSync(join(home, 'lower/d', name), `${name} of lower`);
  log = [];
  mount();
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function mount(): void {
  union = createUnion({
    lowers: [join(home, 'lower')],
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    overlay: defaultOverlay(xattrs),
    volatile: true,
    log: (line) => log.push(line),
  });
}

/** Ends the mount, changes the layers, and mounts again. */
function between(change: () => void): void {
  union.close();
  change();
  mount();
}

function walk(path: string): { nodeid: NodeId; ino: number } {
  let id: NodeId = ROOT_ID;
  let ino = 0;
  for (const part of path.split('/')) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) throw new Error(`${path}: ${part} is not there`);
    id = entry.nodeid;
    ino = entry.attr.ino;
  }
  return { nodeid: id, ino };
}

function numbersListed(path: string): Record<string, number> {
  const seen: Record<string, number> = {};
  const sink: DirectorySink = {
    fits: () => true,
    add: (name, ino) => {
      seen[name] = ino;
    },
    addPlus: () => {},
  };
  union.readdir(walk(path).nodeid, 0, sink, { plus: false, noatime: false });
  return seen;
}

const lowerNumber = (path: string): number => lstatSync(join(home, 'lower', path)).ino;
const upperNumber = (path: string): number => lstatSync(join(home, 'upper', path)).ino;

function copyUp(path: string): void {
  union.setattr(walk(path).nodeid, { mode: 0o600 }, CALLER);
}

function withParent<T>(path: string, body: (fd: number, name: string) => T): T {
  const fd = openSync(join(home, path, '..'), 'r');
  try {
    return body(fd, path.slice(path.lastIndexOf('/') + 1));
  } finally {
    closeSync(fd);
  }
}

const markOf = (path: string, xattr: string): Buffer | null =>
  withParent(path, (fd, name) => findXattr(fd, name, xattr));
const mark = (path: string, xattr: string, value: Uint8Array): void =>
  withParent(path, (fd, name) => setXattr(fd, name, xattr, value));

describe('a copy', () => {
  beforeEach(() => copyUp('d/a'));

  it('shows the number of its lower file at the next mount too, by stat and in a listing', () => {
    between(() => {});
    expect(numbersListed('d').a).toBe(lowerNumber('d/a'));
    expect(walk('d/a').ino).toBe(lowerNumber('d/a'));
    expect(walk('d').ino).toBe(lowerNumber('d'));
  });

  it.runIf(isRoot)('shows that number also after it was moved', () => {
    union.rename(walk('d').nodeid, 'a' as EntryName, walk('e').nodeid, 'moved' as EntryName, 0);
    expect(markOf('upper/e', IMPURE)?.toString()).toBe('y');
    between(() => {});
    expect(walk('e/moved').ino).toBe(lowerNumber('d/a'));
    expect(numbersListed('e').moved).toBe(lowerNumber('d/a'));
  });

  it('shows its own number after the lower file was removed', () => {
    between(() => unlinkSync(join(home, 'lower/d/a')));
    expect(walk('d/a').ino).toBe(upperNumber('d/a'));
  });

  it('shows its own number after the lower file got another visible name', () => {
    between(() => linkSync(join(home, 'lower/d/a'), join(home, 'lower/e/link')));
    expect(walk('d/a').ino).toBe(upperNumber('d/a'));
    expect(walk('e/link').ino).toBe(lowerNumber('d/a'));
  });

  it.each([
    ['nothing', []],
    ['what is no handle', [1, 2, 3]],
    ['a handle of a later version', [1, 0xfb, 29, 0, 1, ...new Array(24).fill(7)]],
    ['a handle of another byte order', [0, 0xfb, 29, 1, 1, ...new Array(24).fill(7)]],
    ['a handle that is cut off', [0, 0xfb, 29, 0, 1, 7, 7]],
    ['a handle of another file system', [0, 0xfb, 29, 0, 1, ...new Array(24).fill(7)]],
    ['a handle that no file has', [0, 0xfb, 29, 0, 1, ...new Array(16).fill(0), 255, 255, 255, 1, 9, 9, 9, 9]],
    ['a handle longer than any', [0, 0xfb, 255, 0, 1, ...new Array(250).fill(0)]],
  ])('shows its own number if it records %s', (_title, bytes) => {
    between(() => mark('upper/d/a', ORIGIN, Uint8Array.from(bytes)));
    expect(walk('d/a').ino).toBe(upperNumber('d/a'));
    expect(log).toEqual([]);
  });

  it.runIf(isRoot)('of an object of another type fails with EIO, and is listed', () => {
    symlinkSync('target', join(home, 'lower/d/symlink'));
    between(() => {});
    union.rename(walk('d').nodeid, 'symlink' as EntryName, walk('e').nodeid, 'moved' as EntryName, 0);
    const origin = markOf('upper/e/moved', ORIGIN);
    if (origin === null) throw new Error('no origin');
    between(() => mark('upper/d/a', ORIGIN, origin));
    expect(numbersListed('d').a).toBe(upperNumber('d/a'));
    expect(() => walk('d/a')).toThrow('EIO');
    expect(log.join()).toContain('another type');
  });
});

it('two files that record the same lower file are two files', () => {
  copyUp('d/a');
  copyUp('d/b');
  between(() => {
    mark('upper/d/b', ORIGIN, markOf('upper/d/a', ORIGIN) as Buffer);
    for (const name of ['a', 'b']) linkSync(join(home, 'upper/d', name), join(home, 'upper/d', `${name}2`));
  });
  const [a, a2, b, b2] = ['a', 'a2', 'b', 'b2'].map((name) => walk(`d/${name}`).nodeid);
  expect(a2).toBe(a);
  expect(b2).toBe(b);
  expect(b).not.toBe(a);
});

describe('files that would show the same number', () => {
  const LOWER = 'a of lower';
  /** Copies a file in an upper that is not mounted, with its xattrs, as cp -a does. */
  const copyOf = (from: string, to: string): void => {
    copyFileSync(join(home, from), join(home, to));
    mark(to, ORIGIN, markOf(from, ORIGIN) as Buffer);
  };
  const orders = [
    ['d/a', 'd/copy'],
    ['d/copy', 'd/a'],
  ];

  it.runIf(isRoot).each(orders)(
    'each show a number of their own: two copies of one lower file, first %s',
    (...order) => {
      copyUp('d/a');
      between(() => copyOf('upper/d/a', 'upper/d/copy'));
      const numbers = order.map((path) => walk(path).ino);
      expect(numbers).toEqual([lowerNumber('d/a'), upperNumber(order[1] as string)]);
      expect(order.map((path) => walk(path).ino)).toEqual(numbers);
      expect(numbersListed('d')).toMatchObject(Object.fromEntries(order.map((path, i) => [path.slice(2), numbers[i]])));
      union.unlink(walk('d').nodeid, (order[0] as string).slice(2) as EntryName);
      expect(walk(order[1] as string).ino).toBe(numbers[1]);
    },
  );

  it.runIf(isRoot).each([
    ['d/a', 'e/moved'],
    ['e/moved', 'd/a'],
  ])('show different numbers: a lower file and a copy that was moved away from it, first %s', (...order) => {
    copyUp('d/a');
    union.setattr(walk('d/a').nodeid, { size: 1 }, CALLER);
    union.mkdir(walk('e').nodeid, 'x' as EntryName, 0o755, CALLER);
    between(() => {
      renameSync(join(home, 'upper/d/a'), join(home, 'upper/e/moved'));
      mark('upper/e', IMPURE, Buffer.from('y'));
    });
    const numbers = order.map((path) => walk(path).ino);
    expect(numbers[0]).toBe(lowerNumber('d/a'));
    expect(numbers[1]).not.toBe(numbers[0]);
    for (const [i, path] of order.entries()) {
      const [dir, name] = path.split('/') as [string, string];
      expect(numbersListed(dir)[name]).toBe(numbers[i]);
      expect(walk(path).ino).toBe(numbers[i]);
    }
    expect(lstatSync(join(home, 'lower/d/a')).size).toBe(LOWER.length);
  });

  it.runIf(isRoot)('are listed with the numbers that they show, also if they were not looked up before', () => {
    copyUp('d/a');
    between(() => {
      renameSync(join(home, 'upper/d/a'), join(home, 'upper/d/z'));
      copyOf('upper/d/z', 'upper/d/y');
    });
    const listed = numbersListed('d');
    expect(new Set(Object.values(listed)).size).toBe(Object.keys(listed).length);
    for (const name of ['a', 'y', 'z']) expect(walk(`d/${name}`).ino).toBe(listed[name]);
  });

  it.runIf(isRoot)('can be two upper directories whose redirects lead to one lower directory', () => {
    between(() => {
      for (const name of ['one', 'two']) {
        mkdirSync(join(home, 'upper', name));
        mark(`upper/${name}`, `${xattrs}.overlay.redirect`, Buffer.from('/d'));
      }
    });
    const numbers = ['one', 'two'].map((name) => walk(name).ino);
    expect(numbers).toEqual([lowerNumber('d'), upperNumber('two')]);
    expect(numbersListed('one')).toMatchObject({ a: lowerNumber('d/a') });
  });
});

it('a directory that was copied up shows the number of its lower part, also if its parent has no impure mark', () => {
  between(() => mkdirSync(join(home, 'upper/d')));
  expect(walk('d').ino).toBe(lowerNumber('d'));
  between(() => renameSync(join(home, 'upper/d'), join(home, 'upper/f')));
  expect(walk('f').ino).toBe(upperNumber('f'));
});

it('a copy that breaks hard links records no origin', () => {
  linkSync(join(home, 'lower/d/a'), join(home, 'lower/d/link'));
  copyUp('d/a');
  expect(markOf('upper/d/a', ORIGIN)).toBeNull();
  expect(walk('d/a').ino).toBe(upperNumber('d/a'));
});
