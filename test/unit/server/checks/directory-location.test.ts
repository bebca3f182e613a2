import { describe, expect, it } from 'vitest';
import {
  ancestorKeys,
  type DirectoryLocation,
  isInside,
  keyOf,
} from '../../../../src/server/checks/directory-location.js';
import { parseLine } from '../../../../src/server/config/mountinfo.js';

function place(path: string, device = '8:1'): DirectoryLocation {
  return { mountId: 1, device, path };
}

describe('a line of mountinfo', () => {
  it('has any number of optional fields, and octal escapes', () => {
    const tail = ' - fuse.plyfs my\\040source rw,user_id=0';
    for (const optional of ['', ' shared:1', ' shared:1 master:2']) {
      expect(parseLine(`43 27 0:40 /ro\\134ot /mnt\\040a rw,relatime${optional}${tail}`)).toEqual({
        id: 43,
        device: '0:40',
        root: '/ro\\ot',
        mountpoint: '/mnt a',
        options: ['rw', 'relatime'],
        type: 'fuse.plyfs',
        source: 'my source',
        fileSystemOptions: ['rw', 'user_id=0'],
        isIdmapped: false,
      });
    }
  });
});

describe('places', () => {
  it('inside means below, in the same file system', () => {
    expect(isInside(place('/a/b'), place('/a'))).toBe(true);
    expect(isInside(place('/a/b/c'), place('/a'))).toBe(true);
    expect(isInside(place('/a'), place('/'))).toBe(true);
    expect(isInside(place('/a'), place('/a'))).toBe(false);
    expect(isInside(place('/ab'), place('/a'))).toBe(false);
    expect(isInside(place('/a/b', '8:2'), place('/a'))).toBe(false);
    expect(isInside(place('/'), place('/'))).toBe(false);
  });

  it('ancestors go up to the root of the file system', () => {
    expect([...ancestorKeys(place('/a/b/c'))]).toEqual(['/a/b', '/a', '/'].map((path) => keyOf(place(path))));
    expect([...ancestorKeys(place('/'))]).toEqual([]);
  });
});
