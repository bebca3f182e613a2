/** Directories that were moved away from their lower parts: lookups, listings and renames of them. */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { getXattr, setXattr } from '../../../../src/sys/files/xattr.js';
import { createUnion, defaultOverlay, type OverlaySettings } from '../../../../src/union/index.js';

const xattrs = process.geteuid?.() === 0 ? 'trusted' : 'user';
const REDIRECT = `${xattrs}.overlay.redirect`;
const OPAQUE = `${xattrs}.overlay.opaque`;
const LAYERS = ['l1', 'l2', 'l3'];

let home: string;
let union: Operations;
let log: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-redirects-'));
  for (const name of [...LAYERS, 'upper', 'work']) mkdirSync(join(home, name));
  log = [];
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function mount(redirect: OverlaySettings['redirect'] = 'on'): void {
  union = createUnion({
    lowers: LAYERS.map((name) => join(home, name)),
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    overlay: { ...defaultOverlay(xattrs), redirect },
    volatile: true,
    log: (line) => log.push(line),
  });
}

function remount(redirect: OverlaySettings['redirect'] = 'on'): void {
  union.close();
  mount(redirect);
}

function file(path: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), path);
}

function onDirectory<T>(path: string, body: (fd: number) => T): T {
  mkdirSync(join(home, path), { recursive: true });
  const fd = openSync(join(home, path), 'r');
  try {
    return body(fd);
  } finally {
    closeSync(fd);
  }
}

function moved(path: string, redirect: string): void {
  onDirectory(path, (fd) => setXattr(fd, '', REDIRECT, Buffer.from(redirect)));
}

function opaque(path: string): void {
  onDirectory(path, (fd) => setXattr(fd, '', OPAQUE, Buffer.from('y')));
}

function redirectOf(path: string): string | undefined {
  return onDirectory(path, (fd) => getXattr(fd, '', REDIRECT)?.toString());
}

function walk(path: string): NodeId {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter((piece) => piece !== '')) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) throw new Error(`${path}: lookup did not find ${part}`);
    id = entry.nodeid;
  }
  return id;
}

/** The names in a directory, by a listing that also looks each of them up. */
function names(path: string): string[] {
  const seen: string[] = [];
  const sink: DirectorySink = {
    fits: () => true,
    add: (name) => seen.push(name),
    addPlus: (name) => seen.push(name),
  };
  union.readdir(walk(path), 0, sink, { plus: true, noatime: false });
  return seen.filter((name) => name !== '.' && name !== '..').sort();
}

function rename(from: string, to: string, flags = 0): void {
  const [fromDir, toDir] = [dirname(from), dirname(to)].map((path) => walk(path === '.' ? '' : path));
  const base = (path: string): EntryName => path.slice(path.lastIndexOf('/') + 1) as EntryName;
  union.rename(fromDir as NodeId, base(from), toDir as NodeId, base(to), flags);
}

describe('a redirect of a layer', () => {
  it('with one name leads to that name of the same directory, in the layers below', () => {
    moved('upper/new', 'old');
    file('l1/old/a');
    file('l2/old/b');
    mount('follow');
    expect(names('new')).toEqual(['a', 'b']);
  });

  it('with a path leads there from the root, by way of the redirects in the path', () => {
    moved('upper/here', '/p/q');
    moved('l1/p', 'before');
    file('l1/p/q/a');
    file('l2/before/q/b');
    file('l2/p/q/not-this');
    mount('follow');
    expect(names('here')).toEqual(['a', 'b']);
  });

  it('is followed in each layer on the way down', () => {
    moved('upper/a', 'b');
    moved('l1/b', '/c/d');
    file('l1/b/one');
    file('l2/c/d/two');
    file('l3/c/d/three');
    mount('follow');
    expect(names('a')).toEqual(['one', 'three', 'two']);
  });

  it('with a path leads out of an opaque directory', () => {
    opaque('upper/closed');
    moved('upper/closed/in', '/open');
    file('l1/open/a');
    file('l1/closed/in/hidden');
    mount('follow');
    expect(names('closed/in')).toEqual(['a']);
  });

  it('has no effect on an opaque directory', () => {
    opaque('upper/closed');
    moved('upper/closed', 'open');
    file('l1/open/a');
    mount('follow');
    expect(names('closed')).toEqual([]);
  });

  it('ends at a whiteout, at a file, or where no object is', () => {
    moved('upper/file', '/plain/x');
    file('l1/plain');
    file('l2/plain/x/below');
    moved('upper/nowhere', '/none');
    mount('follow');
    expect(names('file')).toEqual([]);
    expect(names('nowhere')).toEqual([]);
  });

  it.each(['', 'a/b', '../a', '//a', '/a//b', '/a/'])('that is neither a name nor a path is EINVAL: %j', (value) => {
    moved('upper/d', value);
    file('l1/a/b/c');
    mount('follow');
    expect(() => union.lookup(ROOT_ID, 'd' as EntryName)).toThrow('EINVAL');
    expect(log.join()).toContain('invalid redirect');
  });

  it.each(['.', '..', '/../l2', '/a/./b', '/a/..'])('cannot contain dot names: %j is EACCES', (value) => {
    moved('upper/d', value);
    file('l1/a/b/c');
    mount('follow');
    expect(() => union.lookup(ROOT_ID, 'd' as EntryName)).toThrow('EACCES');
  });

  it('is EPERM with redirect_dir=nofollow if there is a layer below', () => {
    moved('upper/new', 'old');
    file('l1/old/a');
    mount('nofollow');
    expect(() => union.lookup(ROOT_ID, 'new' as EntryName)).toThrow('EPERM');
    expect(log.join()).toContain('redirect_dir=nofollow');
  });
});

describe('renaming a directory that lower layers have', () => {
  beforeEach(() => {
    file('l1/p/d/one');
    file('l2/p/d/two');
    file('l2/p/d/sub/three');
    file('l2/q/x');
    mount();
  });

  it('is EXDEV without redirect_dir=on', () => {
    remount('follow');
    expect(() => rename('p/d', 'p/e')).toThrow('EXDEV');
  });

  it('within its directory stores the old name, and keeps all entries', () => {
    rename('p/d', 'p/e');
    expect(redirectOf('upper/p/e')).toBe('d');
    for (const again of [false, true]) {
      if (again) remount();
      expect(names('p')).toEqual(['e']);
      expect(names('p/e')).toEqual(['one', 'sub', 'two']);
      expect(names('p/e/sub')).toEqual(['three']);
    }
  });

  it('to another directory stores the old path, which later moves keep', () => {
    rename('p/d', 'q/d');
    expect(redirectOf('upper/q/d')).toBe('/p/d');
    rename('q/d', 'top');
    expect(redirectOf('upper/top')).toBe('/p/d');
    expect(names('top')).toEqual(['one', 'sub', 'two']);
    remount();
    expect(names('')).toEqual(['p', 'q', 'top']);
    expect(names('p')).toEqual([]);
    expect(names('top/sub')).toEqual(['three']);
  });

  it('below a directory that was moved stores the path in the lower layers', () => {
    rename('p', 'r');
    rename('r/d', 'q/d');
    expect(redirectOf('upper/r')).toBe('p');
    expect(redirectOf('upper/q/d')).toBe('/p/d');
    remount();
    expect(names('q/d')).toEqual(['one', 'sub', 'two']);
    expect(names('r')).toEqual([]);
  });

  it('leaves its old name free for a new, empty directory', () => {
    rename('p/d', 'p/e');
    union.mkdir(walk('p'), 'd' as EntryName, 0o755, { uid: 0, gid: 0, pid: 1, umask: 0 });
    remount();
    expect(names('p/d')).toEqual([]);
    expect(names('p/e')).toEqual(['one', 'sub', 'two']);
  });

  it('exchanges two of them', () => {
    rename('p/d', 'q', 2);
    for (const again of [false, true]) {
      if (again) remount();
      expect(names('q')).toEqual(['one', 'sub', 'two']);
      expect(names('p/d')).toEqual(['x']);
    }
  });

  it('is EXDEV if the path to store is longer than 256 bytes', () => {
    const long = 'n'.repeat(200);
    file(`l3/${long}/${long}/d/a`);
    remount();
    expect(() => rename(`${long}/${long}/d`, 'd')).toThrow('EXDEV');
    expect(existsSync(join(home, 'upper/d'))).toBe(false);
    rename(`${long}/${long}/d`, `${long}/${long}/e`);
    expect(names(`${long}/${long}/e`)).toEqual(['a']);
  });
});
