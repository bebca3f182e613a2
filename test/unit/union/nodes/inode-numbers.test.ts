import { describe, expect, it } from 'vitest';
import { FileStat } from '../../../../src/core/file-stat.js';
import { InodeNumbers } from '../../../../src/union/nodes/inode-numbers.js';

function statOf(devMinor: number, ino: number): FileStat {
  return Object.assign(new FileStat(), { devMajor: 8, devMinor, ino });
}

describe('inode numbers', () => {
  it('are the real ones if there is one file system', () => {
    const numbers = new InodeNumbers();
    expect(numbers.shown(8, 1, 42)).toBe(42);
  });

  it('differ for equal numbers of two file systems', () => {
    const numbers = new InodeNumbers();
    const shown = [1, 2, 3].map((minor) => numbers.shown(8, minor, 42));
    expect(new Set(shown).size).toBe(3);
    expect(shown.every(Number.isSafeInteger)).toBe(true);
  });

  it('are exact, unique and constant for 64-bit numbers', () => {
    const numbers = new InodeNumbers();
    const shown = [2 ** 60, 2 ** 61, 5].map((ino) => numbers.shown(8, 1, ino));
    expect(new Set(shown).size).toBe(3);
    expect(shown.every(Number.isSafeInteger)).toBe(true);
    expect(numbers.shown(8, 1, 2 ** 60)).toBe(shown[0]);
  });

  it('are marked as stable if another mount of the same layers shows them too', () => {
    const numbers = new InodeNumbers();
    expect([42, 2 ** 47, 2 ** 60].map((ino) => numbers.isStable(numbers.shown(8, 1, ino)))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('survive a copy-up until the copy is freed and another object can get its own number', () => {
    const numbers = new InodeNumbers();
    const lower = numbers.shown(8, 1, 10);
    numbers.keep(statOf(1, 99), lower);
    expect(numbers.shown(8, 1, 99)).toBe(lower);
    numbers.release(8, 1, 99);
    expect(numbers.shown(8, 1, 99)).toBe(99);
  });
});
