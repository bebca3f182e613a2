/** Copy-ups of attributes only (metacopy=on). */
import { lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EntryName, ROOT_ID } from '../../../../src/core/brand.js';
import { O_RDONLY } from '../../../../src/core/flags.js';
import { setXattr } from '../../../../src/sys/files/xattr.js';
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
  onReal,
  REDIRECT,
  read,
  remount,
  union,
  useMetacopyLayers,
  whole,
} from '../metacopy-layers.js';

useMetacopyLayers();

describe('with metacopy=on, a change of a lower file that does not concern its data', () => {
  const changes: [string, (path: string) => void][] = [
    ['chmod', (path) => chmod(path, 0o640)],
    ['chown', (path) => union.setattr(look(path).nodeid, { uid: 3, gid: 4 }, CALLER)],
    ['utimens', (path) => union.setattr(look(path).nodeid, { mtime: { sec: 5, nsec: 6 } }, CALLER)],
    [
      'setxattr',
      (path) => union.setxattr(look(path).nodeid, 'user.a', Buffer.from('b'), { flags: 0, killSetGid: false }),
    ],
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
