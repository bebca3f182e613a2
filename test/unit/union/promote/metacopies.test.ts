/** Metacopies, whose data is in another layer: how they are found, made, moved and completed. */
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, RENAME_EXCHANGE } from '../../../../src/core/flags.js';
import type { Attributes, Operations } from '../../../../src/fuse/operations.js';
import { getXattr, setXattr } from '../../../../src/sys/files/xattr.js';
import { createUnion, defaultOverlay, type OverlaySettings } from '../../../../src/union/index.js';

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

function remount(): void {
  union.close();
  mount();
}

function rename(from: string, to: string, flags = 0): void {
  const [fromDir, toDir] = [dirname(from), dirname(to)].map((path) => look(path === '.' ? '' : path).nodeid);
  const base = (path: string): EntryName => path.slice(path.lastIndexOf('/') + 1) as EntryName;
  union.rename(fromDir as NodeId, base(from), toDir as NodeId, base(to), flags);
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

/** Makes a metacopy of `size` bytes without data. */
function metacopy(path: string, size: number, redirect?: string, value = ''): void {
  whole(path, '');
  truncateSync(join(home, path), size);
  onReal(path, (fd) => {
    setXattr(fd, '', METACOPY, Buffer.from(value, 'latin1'));
    if (redirect !== undefined) setXattr(fd, '', REDIRECT, Buffer.from(redirect));
  });
}

function markOf(path: string, xattr: string): string | undefined {
  return onReal(path, (fd) => getXattr(fd, '', xattr)?.toString('latin1'));
}

function look(path: string): { nodeid: NodeId; attr: Attributes['attr'] } {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter((piece) => piece !== '')) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) throw new Error(`${path}: lookup did not find ${part}`);
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
  it('shows the attributes of the upper file and the content and blocks of the lower one', () => {
    metacopy('upper/f', 4096);
    whole('l2/f', 'x'.repeat(4096));
    mount();
    const { attr } = look('f');
    expect(attr.mode).toBe(statSync(join(home, 'upper/f')).mode);
    expect(attr.size).toBe(4096);
    expect(attr.blocks).toBe(statSync(join(home, 'l2/f')).blocks);
    expect(read('f')).toBe('x'.repeat(4096));
  });

  it('can be in lower layers, and above another metacopy', () => {
    metacopy('upper/d/f', 6);
    metacopy('l1/d/f', 6);
    metacopy('l2/d/f', 6);
    whole('l3/d/f');
    mount();
    expect(read('d/f')).toBe('l3/d/f');
  });

  it('leads to its data by redirects: with one name, with a path, and of directories in the path', () => {
    metacopy('upper/new', 8, 'old');
    metacopy('l1/old', 8, '/a/b/f');
    onReal('l2', () => mkdirSync(join(home, 'l2/a')));
    onReal('l2/a', (fd) => setXattr(fd, '', REDIRECT, Buffer.from('z')));
    whole('l3/z/b/f');
    whole('l3/a/b/f', 'not this');
    mount();
    expect(read('new')).toBe('l3/z/b/f');
  });

  it('is one file with all its names', () => {
    metacopy('upper/d/one', 4, '/f');
    linkSync(join(home, 'upper/d/one'), join(home, 'upper/two'));
    whole('l1/f', 'data');
    mount();
    expect(look('two').nodeid).toBe(look('d/one').nodeid);
    expect(look('two').attr.blocks).toBe(statSync(join(home, 'l1/f')).blocks);
    expect(read('two')).toBe('data');
  });

  it('can be read while it is open after its name was removed', () => {
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

  it('is EIO if a directory or a symlink is in place of the data', () => {
    metacopy('upper/dir', 4);
    mkdirSync(join(home, 'l1/dir'));
    metacopy('upper/link', 4);
    whole('l2/link', 'hidden');
    symlinkSync('link2', join(home, 'l1/link'));
    mount();
    for (const name of ['dir', 'link']) expect(() => look(name)).toThrow('EIO');
  });

  it.each(['upper/f', 'l3/f'])('without any data is EIO, and listed: %s', (path) => {
    metacopy(path, 4);
    mount();
    expect(() => look('f')).toThrow('EIO');
    expect(listed('')).toEqual(['f']);
    expect(log.join()).toContain('f: metacopy without data');
  });

  it.each([
    ['', 'data'],
    ['\0', 'EIO'],
    ['\0\0\0', 'EIO'],
    ['\0\x04\0\0', 'data'],
    [`\0\x24\0\x01${'d'.repeat(32)}`, 'data'],
  ])('can have a digest in its mark, which is ignored: mark %j', (value, result) => {
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

  it('cannot be moved, linked or truncated with metacopy=off: EPERM, and so keeps its data', () => {
    metacopy('upper/f', 4);
    metacopy('upper/g', 4);
    whole('l1/f', 'data');
    whole('l1/g', 'more');
    whole('upper/other', 'own');
    mount({ metacopy: false });
    expect(() => rename('f', 'new')).toThrow('EPERM');
    expect(() => rename('f', 'g', RENAME_EXCHANGE)).toThrow('EPERM');
    expect(() => rename('other', 'g', RENAME_EXCHANGE)).toThrow('EPERM');
    expect(() => union.link(look('f').nodeid, ROOT_ID, 'link' as EntryName)).toThrow('EPERM');
    expect(() => union.open(look('f').nodeid, O_WRONLY | O_TRUNC, null)).toThrow('EPERM');
    expect(() => union.setattr(look('g').nodeid, { size: 2 }, CALLER)).toThrow('EPERM');
    rename('other', 'whole');
    expect(listed('')).toEqual(['f', 'g', 'whole']);
    remount();
    expect([read('f'), read('g'), read('whole')]).toEqual(['data', 'more', 'own']);
  });
});

describe('a data-only layer', () => {
  it('provides the data of files that lead there by a path, and shows no names', () => {
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

  it('is searched only when a file is opened; until then its blocks are estimated', () => {
    metacopy('l1/a', 4, '/x');
    metacopy('l1/none', 5000, '/none');
    whole('d2/x', 'data');
    mount({ dataLayers: 2 });
    expect(look('none').attr.blocks).toBe(16);
    expect(() => read('none')).toThrow('ENOENT');
    expect(look('a').attr.blocks).toBe(8);
  });

  it('does not change when a file that has its data there is written to', () => {
    metacopy('l1/f', 4, '/x');
    whole('d2/x', 'data');
    mount({ dataLayers: 2 }, ['l1']);
    chmod('f', 0o600);
    expect(markOf('upper/f', METACOPY)).toBe('');
    write('f', 'y');
    expect(readFileSync(join(home, 'upper/f'), 'latin1')).toBe('yata');
    expect(readFileSync(join(home, 'd2/x'), 'latin1')).toBe('data');
  });

  it.each([
    ['/dir', 'ENOENT'],
    ['/link', 'ENOENT'],
    ['/through/f', 'ELOOP'],
    ['/out/../../l2/secret', 'EXDEV'],
  ])('provides only regular files of its own, without symlinks in the path: %s is %s', (redirect, errno) => {
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

  it('does not provide data to a file that is only in the upper, or by a redirect with one name', () => {
    metacopy('upper/up', 4, '/x');
    metacopy('l1/f', 4, '/r');
    metacopy('l2/r', 4, 'x');
    metacopy('l1/none', 4);
    for (const path of ['d2/x', 'd2/f', 'd2/none', 'd2/r']) whole(path, 'data');
    mount({ dataLayers: 2 });
    for (const name of ['up', 'f', 'none']) expect(() => look(name)).toThrow('EIO');
  });

  it('needs neither metacopy=on nor redirect_dir=follow if no other lower layer must be searched', () => {
    metacopy('l1/f', 4, '/x');
    whole('d2/x', 'data');
    mount({ dataLayers: 2, metacopy: false, redirect: 'nofollow' }, ['l1']);
    expect(read('f')).toBe('data');
    union.close();
    mount({ dataLayers: 2, metacopy: false, redirect: 'nofollow' }, ['l1', 'l2']);
    expect(() => read('f')).toThrow('EPERM');
  });
});

const CALLER = { uid: 0, gid: 0, pid: 1, umask: 0 };

function chmod(path: string, mode: number): void {
  union.setattr(look(path).nodeid, { mode }, CALLER);
}

/** Opens, writes at the start, and closes. */
function write(path: string, text: string, flags = O_WRONLY): void {
  const { nodeid } = look(path);
  union.open(nodeid, flags, null);
  const from = Buffer.from(text, 'latin1');
  if (text !== '') union.write(nodeid, from, 0, from.length, 0, null);
  union.release(nodeid, flags);
}

/** More than one request copies. Copies by a helper thread are tested on mounts. */
const LARGE = 3 << 20;

describe('with metacopy=on, a change of a lower file that does not concern its data', () => {
  const changes: [string, (path: string) => void][] = [
    ['chmod', (path) => chmod(path, 0o640)],
    ['chown', (path) => union.setattr(look(path).nodeid, { uid: 3, gid: 4 }, CALLER)],
    ['utimens', (path) => union.setattr(look(path).nodeid, { mtime: { sec: 5, nsec: 6 } }, CALLER)],
    ['setxattr', (path) => union.setxattr(look(path).nodeid, 'user.a', Buffer.from('b'), 0, false)],
    ['removexattr', (path) => union.removexattr(look(path).nodeid, 'user.gone')],
  ];

  it.each(changes)('copies no data: %s', (_name, change) => {
    whole('l1/d/f', 'x'.repeat(LARGE));
    onReal('l1/d/f', (fd) => setXattr(fd, '', 'user.gone', Buffer.from('1')));
    mount();
    change('d/f');
    expect(markOf('upper/d/f', METACOPY)).toBe('');
    expect(markOf('upper/d/f', REDIRECT)).toBeUndefined();
    const upper = statSync(join(home, 'upper/d/f'));
    expect(upper.size).toBe(LARGE);
    expect(upper.blocks).toBeLessThanOrEqual(8);
    for (const again of [false, true]) {
      if (again) remount();
      expect(read('d/f').startsWith('xxx')).toBe(true);
      expect(look('d/f').attr.blocks).toBe(statSync(join(home, 'l1/d/f')).blocks);
    }
  });

  it('copies the attributes of a lower metacopy, and none of its marks', () => {
    metacopy('l1/f', 4, '/other');
    whole('l2/other', 'data');
    mount();
    chmod('f', 0o600);
    expect(markOf('upper/f', METACOPY)).toBe('');
    expect(markOf('upper/f', REDIRECT)).toBeUndefined();
    remount();
    expect(read('f')).toBe('data');
  });

  it('makes a metacopy of an empty file, and copies a symlink whole', () => {
    whole('l1/empty', '');
    symlinkSync('x', join(home, 'l1/link'));
    mount();
    chmod('empty', 0o600);
    union.setattr(look('link').nodeid, { uid: 3 }, CALLER);
    expect(markOf('upper/empty', METACOPY)).toBe('');
    expect(lstatSync(join(home, 'upper/link')).uid).toBe(3);
  });

  it('copies the data with metacopy=off', () => {
    whole('l1/f', 'data');
    mount({ metacopy: false });
    chmod('f', 0o600);
    expect(markOf('upper/f', METACOPY)).toBeUndefined();
    expect(readFileSync(join(home, 'upper/f'), 'latin1')).toBe('data');
  });

  it('is visible at once while the file is open for reading, and its data can still be read', () => {
    whole('l1/f', 'data');
    mount();
    const { nodeid } = look('f');
    union.open(nodeid, O_RDONLY, null);
    chmod('f', 0o604);
    expect(union.getattr(nodeid).attr.mode & 0o777).toBe(0o604);
    expect(contentOf(nodeid)).toBe('data');
    union.fsync(nodeid, false);
    union.unlink(ROOT_ID, 'f' as EntryName);
    union.setattr(nodeid, { mode: 0o600 }, CALLER);
    expect(union.getattr(nodeid).attr).toMatchObject({ size: 4, nlink: 0 });
    union.release(nodeid, O_RDONLY);
  });
});

describe('a metacopy that moves', () => {
  const redirectAfter = (path: string, change: () => void): string | undefined => {
    change();
    for (const again of [false, true]) {
      if (again) remount();
      expect(read(path)).toBe('data');
    }
    return markOf(`upper/${path}`, REDIRECT);
  };

  beforeEach(() => {
    whole('l1/p/f', 'data');
    whole('l1/q/x', 'other');
    mount();
  });

  it('within its directory gets a redirect with its old name, and keeps it', () => {
    expect(redirectAfter('p/g', () => rename('p/f', 'p/g'))).toBe('f');
    expect(redirectAfter('p/h', () => rename('p/g', 'p/h'))).toBe('f');
    expect(union.lookup(look('p').nodeid, 'f' as EntryName)).toBeNull();
  });

  it('to another directory gets a redirect with its old path, also after a move within its own', () => {
    rename('p/f', 'p/g');
    expect(redirectAfter('q/g', () => rename('p/g', 'q/g'))).toBe('/p/f');
    expect(redirectAfter('top', () => rename('q/g', 'top'))).toBe('/p/f');
  });

  it('gets a redirect with its path if the lower file has more names', () => {
    linkSync(join(home, 'l1/p/f'), join(home, 'l1/q/f'));
    expect(redirectAfter('p/g', () => rename('p/f', 'p/g'))).toBe('/p/f');
  });

  it('below a directory that was moved gets a redirect with the path in the lower layers', () => {
    rename('p', 'r');
    expect(redirectAfter('r/f', () => chmod('r/f', 0o600))).toBeUndefined();
    expect(redirectAfter('q/f', () => rename('r/f', 'q/f'))).toBe('/p/f');
  });

  it('gets a redirect with its path when it is linked', () => {
    const link = (): void => void union.link(look('p/f').nodeid, look('q').nodeid, 'l' as EntryName);
    expect(redirectAfter('q/l', link)).toBe('/p/f');
    expect(markOf('upper/p/f', REDIRECT)).toBe('/p/f');
    expect(look('q/l').nodeid).toBe(look('p/f').nodeid);
  });

  it('gets a redirect when it is exchanged with another one', () => {
    rename('p/f', 'q/x', 2);
    for (const again of [false, true]) {
      if (again) remount();
      expect([read('q/x'), read('p/f')]).toEqual(['data', 'other']);
    }
  });

  it('gets its data if the path is too long for a redirect', () => {
    const long = 'n'.repeat(200);
    whole(`l1/${long}/${long}/f`, 'data');
    expect(redirectAfter('far', () => rename(`${long}/${long}/f`, 'far'))).toBeUndefined();
    expect(markOf('upper/far', METACOPY)).toBeUndefined();
    expect(readFileSync(join(home, 'upper/far'), 'latin1')).toBe('data');
  });
});

describe('the data of a metacopy', () => {
  const statUpper = (path: string): Stats => statSync(join(home, 'upper', path));

  it.each([4, 900_000])('is copied when the file is opened for writing, for all its names: %i bytes', (size) => {
    whole('l1/f', 'x'.repeat(size));
    mount();
    chmod('f', 0o600);
    union.link(look('f').nodeid, ROOT_ID, 'g' as EntryName);
    union.setxattr(look('g').nodeid, 'user.a', Buffer.from('b'), 0, false);
    const { ino } = statUpper('f');
    write('f', 'y');
    expect(statUpper('g')).toMatchObject({ ino, nlink: 2, size });
    expect(markOf('upper/g', METACOPY)).toBeUndefined();
    expect(markOf('upper/g', 'user.a')).toBe('b');
    expect(readFileSync(join(home, 'upper/g'), 'latin1')).toBe(`y${'x'.repeat(size - 1)}`);
    expect(readFileSync(join(home, 'l1/f'), 'latin1')).toBe('x'.repeat(size));
    remount();
    expect(read('g').slice(0, 4)).toBe('yxxx');
  });

  it.each([4, 900_000])('is copied without a change of times or set-id bits: %i bytes', (size) => {
    whole('l1/f', 'x'.repeat(size));
    mount();
    chmod('f', 0o4755);
    union.setattr(look('f').nodeid, { atime: { sec: 5, nsec: 0 }, mtime: { sec: 7, nsec: 0 } }, CALLER);
    write('f', '');
    expect(markOf('upper/f', METACOPY)).toBeUndefined();
    expect(look('f').attr).toMatchObject({ mtimeSec: 7, mode: 0o104755, size });
  });

  it('is copied with its holes', () => {
    whole('l1/f', '');
    truncateSync(join(home, 'l1/f'), 1_000_000);
    mount();
    chmod('f', 0o600);
    write('f', 'y');
    expect(statUpper('f').blocks).toBeLessThan(100);
    expect(statUpper('f').size).toBe(1_000_000);
  });

  it.each([10, LARGE])('is discarded by O_TRUNC, and copied for a truncation: %i bytes', (size) => {
    whole('l1/f', 'x'.repeat(size));
    whole('l1/g', 'xxxxxxxxxx');
    mount();
    for (const name of ['f', 'g']) chmod(name, 0o600);
    write('f', 'y', O_WRONLY | O_TRUNC);
    union.setattr(look('g').nodeid, { size: 5 }, CALLER);
    for (const again of [false, true]) {
      if (again) remount();
      expect([read('f'), read('g')]).toEqual(['y', 'xxxxx']);
    }
    expect(markOf('upper/f', METACOPY)).toBeUndefined();
    expect(markOf('upper/g', METACOPY)).toBeUndefined();
  });

  it.each([4, 900_000])('is read by processes that had the file open before the copy: %i bytes', (size) => {
    whole('l1/f', 'x'.repeat(size));
    mount();
    chmod('f', 0o600);
    const { nodeid } = look('f');
    union.open(nodeid, O_RDONLY, null);
    write('f', 'yyyy');
    expect(contentOf(nodeid).slice(0, 4)).toBe('yyyy');
    union.unlink(ROOT_ID, 'f' as EntryName);
    expect(contentOf(nodeid).slice(0, 4)).toBe('yyyy');
    union.release(nodeid, O_RDONLY);
  });

  it('is copied for a file whose name was removed', () => {
    whole('l1/f', 'data');
    mount();
    chmod('f', 0o600);
    const { nodeid } = look('f');
    union.open(nodeid, O_RDONLY, null);
    union.unlink(ROOT_ID, 'f' as EntryName);
    union.open(nodeid, O_RDWR, null);
    const from = Buffer.from('y');
    union.write(nodeid, from, 0, 1, 0, null);
    expect(contentOf(nodeid)).toBe('yata');
    for (const flags of [O_RDONLY, O_RDWR]) union.release(nodeid, flags);
    expect(union.getattr(nodeid).attr).toMatchObject({ size: 4, nlink: 0 });
  });

  it('is copied together with a lower metacopy that is written to', () => {
    metacopy('l1/f', 4, '/other');
    whole('l2/other', 'data');
    mount();
    write('f', 'y');
    expect(readFileSync(join(home, 'upper/f'), 'latin1')).toBe('yata');
    expect(markOf('upper/f', METACOPY)).toBeUndefined();
  });

  it('must be found for any change: a metacopy without data is not copied up', () => {
    metacopy('l1/f', 4, '/none');
    mount({ dataLayers: 2 }, ['l1']);
    expect(() => chmod('f', 0o600)).toThrow('ENOENT');
    expect(() => write('f', 'y')).toThrow('ENOENT');
    expect(existsSync(join(home, 'upper/f'))).toBe(false);
  });
});
