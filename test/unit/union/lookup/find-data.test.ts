/** How the data of a metacopy is found. */
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EntryName, ROOT_ID } from '../../../../src/core/brand.js';
import { O_RDONLY, O_TRUNC, O_WRONLY, RENAME_EXCHANGE } from '../../../../src/core/flags.js';
import { setXattr } from '../../../../src/sys/files/xattr.js';
import {
  CALLER,
  chmod,
  contentOf,
  home,
  listed,
  log,
  look,
  METACOPY,
  markOf,
  metacopy,
  mount,
  onReal,
  REDIRECT,
  read,
  remount,
  rename,
  union,
  useMetacopyLayers,
  whole,
  write,
} from '../metacopy-layers.js';

useMetacopyLayers();

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
