/** How a metacopy gets its data. */
import { existsSync, readFileSync, type Stats, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EntryName, ROOT_ID } from '../../../../src/core/brand.js';
import { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../../../src/core/flags.js';
import {
  CALLER,
  chmod,
  contentOf,
  home,
  LARGE,
  look,
  METACOPY,
  markOf,
  metacopy,
  mount,
  read,
  remount,
  union,
  useMetacopyLayers,
  whole,
  write,
} from '../metacopy-layers.js';

useMetacopyLayers();

describe('the data of a metacopy', () => {
  const statUpper = (path: string): Stats => statSync(join(home, 'upper', path));

  it.each([4, 900_000])('is copied when the file is opened for writing, for all its names: %i bytes', (size) => {
    whole('l1/f', 'x'.repeat(size));
    mount();
    chmod('f', 0o600);
    union.link(look('f').nodeid, ROOT_ID, 'g' as EntryName);
    union.setxattr(look('g').nodeid, 'user.a', Buffer.from('b'), { flags: 0, killSetGid: false });
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
