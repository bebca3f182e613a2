/**
 * Extended attributes of all sizes, by a directory fd and a name, by an fd, and by an O_PATH fd.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { O_DIRECTORY, O_PATH, O_RDONLY } from '../../../../src/core/flags.js';
import { close, openAt, openTrusted } from '../../../../src/sys/files/open.js';
import { findXattr, getXattr, listXattrs, removeXattr, setXattr } from '../../../../src/sys/files/xattr.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

describe.each(['a name', 'an fd', 'an O_PATH fd'] as const)('xattrs by %s', (by) => {
  let base: string;
  let fd: number;
  let name: string;
  beforeAll(() => {
    base = makeScratch('xattr');
    writeFileSync(join(base, 'file'), '');
    const directory = openTrusted(base, O_RDONLY | O_DIRECTORY);
    name = by === 'a name' ? 'file' : '';
    fd = name !== '' ? directory : openAt(directory, 'file', by === 'an fd' ? O_RDONLY : O_PATH);
    if (fd !== directory) close(directory);
  });
  afterAll(() => {
    close(fd);
    removeScratch(base);
  });

  it.each([0, 1, 255, 256, 257, 1000, 2000])('a value of %i bytes is read as it was set', (size) => {
    const value = Buffer.alloc(size, 'v');
    setXattr(fd, name, 'user.value', value);
    expect(getXattr(fd, name, 'user.value')).toEqual(value);
    removeXattr(fd, name, 'user.value');
  });

  it('an xattr that is not set is null', () => {
    expect(findXattr(fd, name, 'user.none')).toBeNull();
  });

  it('all names are listed, even if they take many bytes', () => {
    const names: string[] = [];
    expect(listXattrs(fd, name)).toEqual([]);
    for (let i = 0; i < 20; i++) {
      const xattr = `user.${'n'.repeat(20)}${i}`;
      setXattr(fd, name, xattr, Buffer.from('x'));
      names.push(xattr);
      expect(listXattrs(fd, name).sort()).toEqual([...names].sort());
    }
  });
});
