import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { getXattr, listXattrs, setXattr } from '../../../src/sys/xattr.js';

describe('attributes that need more room than most', () => {
  let scratch: string;
  let fd: number;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'plyfs-xattr-'));
    writeFileSync(join(scratch, 'file'), '');
    fd = openSync(join(scratch, 'file'), 'r+');
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(scratch, { recursive: true });
  });

  it('a long value is read whole', () => {
    const value = Buffer.alloc(2500, 'long ');
    setXattr(fd, '', 'user.long', value);
    expect(getXattr(fd, '', 'user.long')).toEqual(value);
  });

  it('a long list is read whole', () => {
    const names = Array.from({ length: 40 }, (_, number) => `user.a-name-that-takes-some-room-${number}`);
    for (const name of names) setXattr(fd, '', name, Buffer.from('x'));
    expect(
      listXattrs(fd, '')
        .filter((name) => name.startsWith('user.a-name'))
        .sort(),
    ).toEqual([...names].sort());
  });
});
