/** Files whose data is in another layer: found, made and completed, through the Operations contract. */
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../src/core/brand.js';
import { O_RDONLY } from '../../../src/core/flags.js';
import type { Attributes, Operations } from '../../../src/fuse/operations.js';
import { setXattr } from '../../../src/sys/xattr.js';
import { createUnion, defaultOverlay, type OverlaySettings } from '../../../src/union/index.js';

const xattrs = process.geteuid?.() === 0 ? 'trusted' : 'user';
const REDIRECT = `${xattrs}.overlay.redirect`;
const METACOPY = `${xattrs}.overlay.metacopy`;
const LOWERS = ['l1', 'l2', 'l3', 'd1', 'd2'];

let home: string;
let union: Operations;
let log: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-metacopies-'));
  for (const name of [...LOWERS, 'upper', 'work']) mkdirSync(join(home, name));
  log = [];
});

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function mount(settings: Partial<OverlaySettings> = {}, lowers = ['l1', 'l2', 'l3']): void {
  const names = settings.dataLayers === undefined ? lowers : [...lowers, ...LOWERS.slice(-settings.dataLayers)];
  union = createUnion({
    lowers: names.map((name) => join(home, name)),
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    overlay: { ...defaultOverlay(xattrs), redirect: 'on', metacopy: true, ...settings },
    volatile: true,
    log: (line) => log.push(line),
  });
}

function whole(path: string, text = path): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

function onReal<T>(path: string, body: (fd: number) => T): T {
  const fd = openSync(join(home, path), 'r');
  try {
    return body(fd);
  } finally {
    closeSync(fd);
  }
}

/** A file of `size` bytes, and none of them there. */
function metacopy(path: string, size: number, redirect?: string, value = ''): void {
  whole(path, '');
  truncateSync(join(home, path), size);
  onReal(path, (fd) => {
    setXattr(fd, '', METACOPY, Buffer.from(value, 'latin1'));
    if (redirect !== undefined) setXattr(fd, '', REDIRECT, Buffer.from(redirect));
  });
}

function look(path: string): { nodeid: NodeId; attr: Attributes['attr'] } {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter((piece) => piece !== '')) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) throw new Error(`${path}: ${part} is not there`);
    id = entry.nodeid;
  }
  return { nodeid: id, attr: { ...union.getattr(id).attr } as Attributes['attr'] };
}

function contentOf(id: NodeId): string {
  const into = Buffer.alloc(1 << 16);
  return into.toString('latin1', 0, union.read(id, into, 0, into.length, 0));
}

function read(path: string): string {
  const { nodeid } = look(path);
  union.open(nodeid, O_RDONLY, null);
  try {
    return contentOf(nodeid);
  } finally {
    union.release(nodeid, O_RDONLY);
  }
}

function listed(path: string): string[] {
  const names: string[] = [];
  const sink = {
    fits: () => true,
    add: (name: EntryName) => names.push(name) > 0,
    addPlus: (name: EntryName) => names.push(name) > 0,
  };
  union.readdir(look(path).nodeid, 0, true, sink);
  return names.filter((name) => !name.startsWith('.')).sort();
}

describe('a file that has its attributes in one layer and its data in another', () => {
  it('shows the attributes of the one and the content and blocks of the other', () => {
    metacopy('upper/f', 4096);
    whole('l2/f', 'x'.repeat(4096));
    mount();
    const { attr } = look('f');
    expect(attr.mode).toBe(statSync(join(home, 'upper/f')).mode);
    expect(attr.size).toBe(4096);
    expect(attr.blocks).toBe(statSync(join(home, 'l2/f')).blocks);
    expect(read('f')).toBe('x'.repeat(4096));
  });

  it('may have both in lower layers, and several with attributes above each other', () => {
    metacopy('upper/d/f', 6);
    metacopy('l1/d/f', 6);
    metacopy('l2/d/f', 6);
    whole('l3/d/f');
    mount();
    expect(read('d/f')).toBe('l3/d/f');
  });

  it('is led to its data by redirects: of one name, of a path, of directories on the way', () => {
    metacopy('upper/new', 8, 'old');
    metacopy('l1/old', 8, '/a/b/f');
    onReal('l2', () => mkdirSync(join(home, 'l2/a')));
    onReal('l2/a', (fd) => setXattr(fd, '', REDIRECT, Buffer.from('z')));
    whole('l3/z/b/f');
    whole('l3/a/b/f', 'not this');
    mount();
    expect(read('new')).toBe('l3/z/b/f');
  });

  it('is the same file by all its names', () => {
    metacopy('upper/d/one', 4, '/f');
    linkSync(join(home, 'upper/d/one'), join(home, 'upper/two'));
    whole('l1/f', 'data');
    mount();
    expect(look('two').nodeid).toBe(look('d/one').nodeid);
    expect(look('two').attr.blocks).toBe(statSync(join(home, 'l1/f')).blocks);
    expect(read('two')).toBe('data');
  });

  it('goes on being read after it has lost its name, and is looked up again after it was forgotten', () => {
    metacopy('upper/f', 4);
    whole('l1/f', 'data');
    mount();
    const { nodeid } = look('f');
    union.open(nodeid, O_RDONLY, null);
    union.unlink(ROOT_ID, 'f' as EntryName);
    expect(contentOf(nodeid)).toBe('data');
    expect(union.getattr(nodeid).attr.nlink).toBe(0);
    expect(union.getattr(nodeid).attr.size).toBe(4);
    union.release(nodeid, O_RDONLY);
    expect(union.getattr(nodeid).attr.size).toBe(4);
    expect(union.lookup(ROOT_ID, 'f' as EntryName)).toBeNull();
  });

  it('does not count where a directory, a symlink or a whiteout is instead of the data', () => {
    metacopy('upper/dir', 4);
    mkdirSync(join(home, 'l1/dir'));
    metacopy('upper/link', 4);
    whole('l2/link', 'hidden');
    symlinkSync('link2', join(home, 'l1/link'));
    mount();
    for (const name of ['dir', 'link']) expect(() => look(name)).toThrow('EIO');
  });

  it.each(['upper/f', 'l3/f'])('and nowhere any data is EIO, and named all the same: %s', (path) => {
    metacopy(path, 4);
    mount();
    expect(() => look('f')).toThrow('EIO');
    expect(listed('')).toEqual(['f']);
    expect(log.join()).toContain('f: its data should be in a layer below');
  });

  it.each([
    ['', 'data'],
    ['\0', 'EIO'],
    ['\0\0\0', 'EIO'],
    ['\0\x04\0\0', 'data'],
    [`\0\x24\0\x01${'d'.repeat(32)}`, 'data'],
  ])('may carry a digest, which is not looked at: mark %j', (value, result) => {
    metacopy('upper/f', 4, undefined, value);
    whole('l1/f', 'data');
    mount();
    if (result === 'EIO') expect(() => look('f')).toThrow('EIO');
    else expect(read('f')).toBe(result);
  });

  it('cannot be opened with metacopy=off: EPERM', () => {
    metacopy('upper/f', 4);
    whole('l1/f', 'data');
    mount({ metacopy: false });
    expect(() => read('f')).toThrow('EPERM');
    expect(log.join()).toContain('metacopy=off');
  });
});

describe('a data-only layer', () => {
  it('gives data to files above that lead there by a path, and shows no names', () => {
    metacopy('l1/a', 4, '/x/a');
    metacopy('l1/b', 4, '/x/b');
    metacopy('l1/c', 4, '/via');
    metacopy('l2/via', 4, '/x/b');
    whole('d1/x/a', 'one!');
    whole('d2/x/a', 'two!');
    whole('d2/x/b', 'two!');
    mount({ dataLayers: 2 });
    expect([read('a'), read('b'), read('c')]).toEqual(['one!', 'two!', 'two!']);
    expect(listed('')).toEqual(['a', 'b', 'c', 'via']);
  });

  it('is looked into when the data is wanted, and not before: the blocks are guessed', () => {
    metacopy('l1/a', 4, '/x');
    metacopy('l1/none', 5000, '/none');
    whole('d2/x', 'data');
    mount({ dataLayers: 2 });
    expect(look('none').attr.blocks).toBe(16);
    expect(() => read('none')).toThrow('ENOENT');
    expect(look('a').attr.blocks).toBe(8);
  });

  it.each([
    ['/dir', 'ENOENT'],
    ['/link', 'ENOENT'],
    ['/through/f', 'ELOOP'],
    ['/out/../../l2/secret', 'EXDEV'],
  ])('is not left, and gives only regular files: %s is %s', (redirect, errno) => {
    metacopy('l1/f', 4, redirect);
    mkdirSync(join(home, 'd2/dir'));
    mkdirSync(join(home, 'd2/out'));
    symlinkSync('dir', join(home, 'd2/link'));
    symlinkSync('dir', join(home, 'd2/through'));
    whole('d2/dir/f', 'data');
    whole('l2/secret', 'data');
    mount({ dataLayers: 1 }, ['l1']);
    expect(() => read('f')).toThrow(errno);
  });

  it('gives none to a file of the upper alone, nor by a redirect of one name', () => {
    metacopy('upper/up', 4, '/x');
    metacopy('l1/f', 4, '/r');
    metacopy('l2/r', 4, 'x');
    metacopy('l1/none', 4);
    for (const path of ['d2/x', 'd2/f', 'd2/none', 'd2/r']) whole(path, 'data');
    mount({ dataLayers: 2 });
    for (const name of ['up', 'f', 'none']) expect(() => look(name)).toThrow('EIO');
  });

  it('needs neither metacopy=on nor redirect_dir=follow, as long as no other layer has to be asked', () => {
    metacopy('l1/f', 4, '/x');
    whole('d2/x', 'data');
    mount({ dataLayers: 2, metacopy: false, redirect: 'nofollow' }, ['l1']);
    expect(read('f')).toBe('data');
    union.close();
    mount({ dataLayers: 2, metacopy: false, redirect: 'nofollow' }, ['l1', 'l2']);
    expect(() => read('f')).toThrow('EPERM');
  });
});
