/** One object by a directory fd and its name, by an fd, and by an O_PATH fd. */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileStat } from '../../../../src/core/file-stat.js';
import { O_PATH, O_RDONLY } from '../../../../src/core/flags.js';
import {
  chmodObject,
  linkObject,
  type ObjectRef,
  statObject,
  utimesObject,
} from '../../../../src/sys/files/object-ref.js';
import { close, openAt, openTrusted } from '../../../../src/sys/files/open.js';

const isRoot = process.geteuid?.() === 0;

let home = '';
let homeFd = -1;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-object-'));
  homeFd = openTrusted(home, O_RDONLY);
  writeFileSync(join(home, 'file'), 'data');
  mkdirSync(join(home, 'directory'));
});

afterEach(() => {
  close(homeFd);
  rmSync(home, { recursive: true });
});

function using(by: string, name: string, use: (object: ObjectRef) => void): void {
  if (by === 'a name') {
    use({ dirfd: homeFd, name });
    return;
  }
  const fd = openAt(homeFd, name, by === 'an O_PATH fd' ? O_PATH : O_RDONLY);
  try {
    use({ dirfd: fd, name: '' });
  } finally {
    close(fd);
  }
}

describe.each(['a name', 'an fd', 'an O_PATH fd'])('an object by %s', (by) => {
  it.each(['file', 'directory'])('has its mode and times changed: a %s', (name) => {
    using(by, name, (object) => {
      chmodObject(object, 0o751);
      utimesObject(object, { sec: 1000, nsec: 1 }, { sec: -2, nsec: 3 });
      const stat = new FileStat();
      statObject(object, stat);
      expect(stat).toMatchObject({ atimeSec: 1000, atimeNsec: 1, mtimeSec: -2, mtimeNsec: 3 });
    });
    expect(lstatSync(join(home, name)).mode & 0o7777).toBe(0o751);
  });

  const canLink = isRoot || by === 'a name';
  it.skipIf(!canLink)(`gets another name${canLink ? '' : ': needs root'}`, () => {
    using(by, 'file', (object) => linkObject(object, homeFd, 'link'));
    expect(readdirSync(home).sort()).toEqual(['directory', 'file', 'link']);
    expect(lstatSync(join(home, 'link')).nlink).toBe(2);
  });
});

describe.each(['a name', 'an O_PATH fd'])('a symlink by %s', (by) => {
  it('has times of its own, but no mode: EOPNOTSUPP', () => {
    symlinkSync('file', join(home, 'symlink'));
    using(by, 'symlink', (object) => {
      utimesObject(object, { sec: 5, nsec: 0 }, { sec: 6, nsec: 0 });
      expect(() => chmodObject(object, 0o600)).toThrow('EOPNOTSUPP');
    });
    expect(lstatSync(join(home, 'symlink')).mtimeMs).toBe(6000);
    expect(lstatSync(join(home, 'file')).mtimeMs).not.toBe(6000);
  });
});

it('a name that is missing: ESTALE', () => {
  expect(() => statObject({ dirfd: homeFd, name: 'missing' }, new FileStat())).toThrow('ESTALE');
});
