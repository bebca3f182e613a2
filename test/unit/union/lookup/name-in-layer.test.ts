/**
 * Whiteouts in the form of aufs in lower layers of the overlay dialect: `.wh.NAME` and `.wh..wh..opq`, as in
 * OCI layers. A lookup and a listing must agree about them.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { createUnion } from '../../../../src/union/index.js';
import * as sys from '../../../harness/sys/index.js';

const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };

let home: string;
let union: Operations;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-markers-'));
  for (const name of ['upper', 'work']) mkdirSync(join(home, name));
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

/**
 * Makes layers, top first, from lists of files, and mounts them. A name that ends in `/` makes a directory,
 * and `NAME=TEXT` a file with that content.
 */
function mount(...layers: readonly (readonly string[])[]): void {
  layers.forEach((files, i) => {
    mkdirSync(join(home, `${i}`), { recursive: true });
    for (const file of files) put(`${i}/${file}`);
  });
  remount(layers.length);
}

function put(file: string): void {
  const [path, text = ''] = file.split('=') as [string, string?];
  const at = join(home, path);
  mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true });
  if (!path.endsWith('/')) writeFileSync(at, text);
}

function remount(layers: number): void {
  union = createUnion({
    lowers: Array.from({ length: layers }, (_, i) => join(home, `${i}`)),
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    volatile: true,
    log: () => {},
  });
}

function find(path: string): NodeId | null {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter(Boolean)) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) return null;
    id = entry.nodeid;
  }
  return id;
}

function list(path: string): string[] {
  const seen: string[] = [];
  const sink: DirectorySink = {
    fits: () => true,
    add: (entry) => seen.push(entry),
    addPlus: (entry) => seen.push(entry),
  };
  union.readdir(find(path) as NodeId, 0, sink, { plus: false, noatime: false });
  return seen.filter((entry) => entry !== '.' && entry !== '..').sort();
}

function content(path: string): string {
  const id = find(path) as NodeId;
  union.open(id, 0, null);
  const buffer = Buffer.alloc(100);
  const got = union.read(id, buffer, 0, 100, 0);
  union.release(id, 0);
  return buffer.toString('latin1', 0, got);
}

/**
 * Expects that the directory shows `names` and not `gone`, in lookups before and after a listing, and in it.
 */
function expectNames(path: string, names: readonly string[], gone: readonly string[]): void {
  for (const name of names) expect(find(`${path}/${name}`), `${name} found`).not.toBeNull();
  for (const name of gone) expect(find(`${path}/${name}`), `${name} not found`).toBeNull();
  expect(list(path)).toEqual([...names].sort());
  for (const name of gone) expect(find(`${path}/${name}`), `${name} not found after the listing`).toBeNull();
}

describe('.wh.NAME', () => {
  it('hides NAME of the layers below, and is not shown itself', () => {
    mount(['d/.wh.gone', 'd/kept'], ['d/gone=x', 'd/also']);
    expectNames('d', ['kept', 'also'], ['gone', '.wh.gone']);
  });

  it('hides no entry of its own directory, only those of the layers below', () => {
    mount(['d/.wh.file', 'd/file=new', 'd/.wh.sub', 'd/sub/new'], ['d/file=old', 'd/sub/old']);
    expectNames('d', ['file', 'sub'], ['.wh.file']);
    expectNames('d/sub', ['new'], ['old']);
    expect(content('d/file')).toBe('new');
  });

  it('ends the stack of a directory of a layer above it', () => {
    mount(['d/sub/top'], ['d/.wh.sub', 'd/x'], ['d/sub/bottom']);
    expectNames('d/sub', ['top'], ['bottom']);
    expectNames('d', ['sub', 'x'], []);
  });

  it('hides nothing in the lowest layer, and is not shown there either', () => {
    mount(['d/name'], ['d/.wh.name', 'd/.wh.other']);
    expectNames('d', ['name'], ['.wh.name', '.wh.other']);
  });

  it.each<[string, (at: string) => void]>([
    ['a file with content', (at) => writeFileSync(at, 'text')],
    ['a directory', (at) => mkdirSync(at)],
    ['a symlink', (at) => sys.symlink('nowhere', at)],
    ['a fifo', (at) => sys.mknod(at, sys.S_IFIFO | 0o644)],
  ])('hides NAME, whatever type the whiteout has: %s', (_, make) => {
    for (const layer of ['0/d', '1/d/gone']) mkdirSync(join(home, layer), { recursive: true });
    make(join(home, '0/d/.wh.gone'));
    mount(['d/kept'], ['d/gone/inside', 'd/also']);
    expectNames('d', ['kept', 'also'], ['gone', '.wh.gone']);
    union.close();
    remount(2);
    expect(list('d')).toEqual(['also', 'kept']);
  });

  it('is an ordinary name in the upper', () => {
    mount(['d/other'], ['d/name']);
    union.mknod(find('d') as NodeId, '.wh.name' as EntryName, { mode: 0o100644, rdev: 0 }, caller);
    expectNames('d', ['.wh.name', 'name', 'other'], []);
    union.close();
    remount(2);
    expectNames('d', ['.wh.name', 'name', 'other'], []);
  });

  it('leaves no whiteout in the upper when an object is made at its name and removed', () => {
    mount(['d/.wh.name'], ['d/name=old']);
    const d = find('d') as NodeId;
    union.mknod(d, 'name' as EntryName, { mode: 0o100644, rdev: 0 }, caller);
    expectNames('d', ['name'], []);
    expect(content('d/name')).toBe('');
    union.unlink(d, 'name' as EntryName);
    expect(readdirSync(join(home, 'upper/d'))).toEqual([]);
    expectNames('d', [], ['name']);
  });

  it('a directory made at its name is not merged with the one that it hides', () => {
    mount(['d/.wh.sub'], ['d/sub/old']);
    union.mkdir(find('d') as NodeId, 'sub' as EntryName, 0o755, caller);
    expectNames('d/sub', [], ['old']);
    union.close();
    remount(2);
    expectNames('d/sub', [], ['old']);
  });

  it('hides names when many of them are looked up before the directory is listed', () => {
    const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
    mount(
      ['d/.wh.n5', 'd/.wh.n25'],
      names.map((name) => `d/${name}`),
    );
    for (const name of names) expect(find(`d/${name}`) === null).toBe(name === 'n5' || name === 'n25');
    expect(list('d')).toHaveLength(28);
  });

  it('the private files of aufs in a branch are not shown', () => {
    mount(['.wh..wh.aufs', '.wh..wh.plnk/1.2', '.wh..wh.orph/', '.wh.', 'a'], ['b']);
    expectNames('', ['a', 'b'], ['.wh..wh.aufs', '.wh..wh.plnk', '.wh..wh.orph', '.wh.']);
  });
});

describe('.wh..wh..opq', () => {
  it('hides all entries of the layers below, and none of its own layer', () => {
    mount(['d/.wh..wh..opq', 'd/new', 'd/sub/new'], ['d/old', 'd/sub/old']);
    expectNames('d', ['new', 'sub'], ['old', '.wh..wh..opq']);
    expectNames('d/sub', ['new'], ['old']);
  });

  it('hides entries if it is in a layer in the middle', () => {
    mount(['d/top'], ['d/.wh..wh..opq', 'd/middle'], ['d/bottom']);
    expectNames('d', ['top', 'middle'], ['bottom']);
  });

  it('hides entries if the directory was found by a listing of its parent', () => {
    mount(['p/d/top'], ['p/d/.wh..wh..opq'], ['p/d/bottom']);
    expect(list('p')).toEqual(['d']);
    expectNames('p/d', ['top'], ['bottom']);
  });

  it('can be an object of any type', () => {
    mount(['d/.wh..wh..opq=text', 'e/.wh..wh..opq/', 'f/new'], ['d/old', 'e/old', 'f/old']);
    sys.symlink('nowhere', join(home, '0/f/.wh..wh..opq'));
    for (const name of ['d', 'e']) expectNames(name, [], ['old', '.wh..wh..opq']);
    expectNames('f', ['new'], ['old', '.wh..wh..opq']);
  });
});

describe('user.fuseoverlayfs.opaque', () => {
  const mark = 'user.fuseoverlayfs.opaque';

  it('makes a lower directory opaque, is not listed, and is not copied up', () => {
    mount(['d/new'], ['d/old']);
    sys.setxattr(join(home, '0/d'), mark, 'y');
    expectNames('d', ['new'], ['old']);
    expect(union.listxattr(find('d') as NodeId, caller)).toEqual([]);
    union.mknod(find('d') as NodeId, 'more' as EntryName, { mode: 0o100644, rdev: 0 }, caller);
    expect(sys.listxattr(join(home, 'upper/d'))).not.toContain(mark);
  });

  it('makes a directory of the upper opaque, as written by fuse-overlayfs', () => {
    mount(['d/old']);
    mkdirSync(join(home, 'upper/d'));
    sys.setxattr(join(home, 'upper/d'), mark, 'y');
    expectNames('d', [], ['old']);
    union.mknod(find('d') as NodeId, 'old' as EntryName, { mode: 0o100644, rdev: 0 }, caller);
    union.unlink(find('d') as NodeId, 'old' as EntryName);
    expect(readdirSync(join(home, 'upper/d'))).toEqual([]);
    union.rmdir(ROOT_ID, 'd' as EntryName);
    expect(find('d')).toBeNull();
  });
});

describe('overlay.whiteout', () => {
  const namespace = process.geteuid?.() === 0 ? 'trusted' : 'user';

  it('makes an empty file a whiteout; a listing reads it only in a directory with opaque=x', () => {
    mount(['d/gone', 'd/full=text', 'd/kept', 'd/sub'], ['d/gone=old', 'd/full', 'd/sub/x']);
    for (const name of ['gone', 'full', 'sub'])
      sys.setxattr(join(home, `0/d/${name}`), `${namespace}.overlay.whiteout`, '');
    for (const dir of ['0', '0/d']) sys.setxattr(join(home, dir), `${namespace}.overlay.opaque`, 'x');
    expectNames('d', ['full', 'kept'], ['gone', 'sub']);
    expect(content('d/full')).toBe('text');
    union.mkdir(find('d') as NodeId, 'sub' as EntryName, 0o755, caller);
    expectNames('d/sub', [], ['x']);
    expect(readFileSync(join(home, '1/d/gone'), 'utf8')).toBe('old');
  });
});
