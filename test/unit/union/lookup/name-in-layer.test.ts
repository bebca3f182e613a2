/**
 * Whiteouts in the form of aufs in lower layers of the overlay dialect: `.wh.NAME` and `.wh..wh..opq`, as OCI
 * layers have them. What a lookup finds and what a listing shows is the same.
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
 * Layers as lists of files, top first; a name that ends in `/` is a directory, one of `NAME=TEXT` has that
 * content.
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
  union.readdir(find(path) as NodeId, 0, false, sink);
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

/** Names that the directory shows; looked up before it is listed, or after. */
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

  it('hides no entry beside it, only what lies below that', () => {
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

  it('hides nothing when it lies in the lowest layer, where it is not shown either', () => {
    mount(['d/name'], ['d/.wh.name', 'd/.wh.other']);
    expectNames('d', ['name'], ['.wh.name', '.wh.other']);
  });

  it.each<[string, (at: string) => void]>([
    ['a file with content', (at) => writeFileSync(at, 'text')],
    ['a directory', (at) => mkdirSync(at)],
    ['a symlink', (at) => sys.symlink('nowhere', at)],
    ['a fifo', (at) => sys.mknod(at, sys.S_IFIFO | 0o644)],
  ])('hides NAME whatever it is: %s', (_, make) => {
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
    union.mknod(find('d') as NodeId, '.wh.name' as EntryName, 0o100644, 0, caller);
    expectNames('d', ['.wh.name', 'name', 'other'], []);
    union.close();
    remount(2);
    expectNames('d', ['.wh.name', 'name', 'other'], []);
  });

  it('leaves no whiteout behind in the upper when what it hides is made anew and removed', () => {
    mount(['d/.wh.name'], ['d/name=old']);
    const d = find('d') as NodeId;
    union.mknod(d, 'name' as EntryName, 0o100644, 0, caller);
    expectNames('d', ['name'], []);
    expect(content('d/name')).toBe('');
    union.unlink(d, 'name' as EntryName);
    expect(readdirSync(join(home, 'upper/d'))).toEqual([]);
    expectNames('d', [], ['name']);
  });

  it('a directory made in its place is not merged with what it hides', () => {
    mount(['d/.wh.sub'], ['d/sub/old']);
    union.mkdir(find('d') as NodeId, 'sub' as EntryName, 0o755, caller);
    expectNames('d/sub', [], ['old']);
    union.close();
    remount(2);
    expectNames('d/sub', [], ['old']);
  });

  it('many names looked for in vain before the directory is listed', () => {
    const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
    mount(
      ['d/.wh.n5', 'd/.wh.n25'],
      names.map((name) => `d/${name}`),
    );
    for (const name of names) expect(find(`d/${name}`) === null).toBe(name === 'n5' || name === 'n25');
    expect(list('d')).toHaveLength(28);
  });

  it('is what aufs keeps in a branch: nothing of it is shown', () => {
    mount(['.wh..wh.aufs', '.wh..wh.plnk/1.2', '.wh..wh.orph/', '.wh.', 'a'], ['b']);
    expectNames('', ['a', 'b'], ['.wh..wh.aufs', '.wh..wh.plnk', '.wh..wh.orph', '.wh.']);
  });
});

describe('.wh..wh..opq', () => {
  it('hides all that lies below, with siblings in its own layer', () => {
    mount(['d/.wh..wh..opq', 'd/new', 'd/sub/new'], ['d/old', 'd/sub/old']);
    expectNames('d', ['new', 'sub'], ['old', '.wh..wh..opq']);
    expectNames('d/sub', ['new'], ['old']);
  });

  it('of a layer in the middle', () => {
    mount(['d/top'], ['d/.wh..wh..opq', 'd/middle'], ['d/bottom']);
    expectNames('d', ['top', 'middle'], ['bottom']);
  });

  it('found through the listing of the parent, too', () => {
    mount(['p/d/top'], ['p/d/.wh..wh..opq'], ['p/d/bottom']);
    expect(list('p')).toEqual(['d']);
    expectNames('p/d', ['top'], ['bottom']);
  });

  it('may be anything', () => {
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
    union.mknod(find('d') as NodeId, 'more' as EntryName, 0o100644, 0, caller);
    expect(sys.listxattr(join(home, 'upper/d'))).not.toContain(mark);
  });

  it('makes a directory of the upper opaque: fuse-overlayfs has written it', () => {
    mount(['d/old']);
    mkdirSync(join(home, 'upper/d'));
    sys.setxattr(join(home, 'upper/d'), mark, 'y');
    expectNames('d', [], ['old']);
    union.mknod(find('d') as NodeId, 'old' as EntryName, 0o100644, 0, caller);
    union.unlink(find('d') as NodeId, 'old' as EntryName);
    expect(readdirSync(join(home, 'upper/d'))).toEqual([]);
    union.rmdir(ROOT_ID, 'd' as EntryName);
    expect(find('d')).toBeNull();
  });
});

describe('overlay.whiteout', () => {
  const namespace = process.geteuid?.() === 0 ? 'trusted' : 'user';

  it('an empty file with it is a whiteout; listings look for it where the directory says so', () => {
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
