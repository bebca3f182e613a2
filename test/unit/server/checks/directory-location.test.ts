import { describe, expect, it } from 'vitest';
import {
  ancestorKeys,
  type DirectoryLocation,
  isInside,
  keyOf,
} from '../../../../src/server/checks/directory-location.js';

function place(path: string, device = '8:1'): DirectoryLocation {
  return { mountId: 1, device, path };
}

describe('locations of directories', () => {
  it('a directory is inside another one if it is below it in the same file system', () => {
    expect(isInside(place('/a/b'), place('/a'))).toBe(true);
    expect(isInside(place('/a/b/c'), place('/a'))).toBe(true);
    expect(isInside(place('/a'), place('/'))).toBe(true);
    expect(isInside(place('/a'), place('/a'))).toBe(false);
    expect(isInside(place('/ab'), place('/a'))).toBe(false);
    expect(isInside(place('/a/b', '8:2'), place('/a'))).toBe(false);
    expect(isInside(place('/'), place('/'))).toBe(false);
  });

  it('the ancestors of a directory are all directories above it, up to the root of the file system', () => {
    expect([...ancestorKeys(place('/a/b/c'))]).toEqual(['/a/b', '/a', '/'].map((path) => keyOf(place(path))));
    expect([...ancestorKeys(place('/'))]).toEqual([]);
  });
});
