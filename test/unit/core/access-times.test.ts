import { describe, expect, it } from 'vitest';
import { updatesAccessTime } from '../../../src/core/access-times.js';
import { FileStat } from '../../../src/core/file-stat.js';

const NOW = 1_000_000;

function stat(atime: number, mtime: number, ctime: number): FileStat {
  const nsec = (time: number): number => Math.round((time % 1) * 1e9);
  return Object.assign(new FileStat(), {
    atimeSec: Math.floor(atime),
    atimeNsec: nsec(atime),
    mtimeSec: Math.floor(mtime),
    mtimeNsec: nsec(mtime),
    ctimeSec: Math.floor(ctime),
    ctimeNsec: nsec(ctime),
  });
}

describe('with relatime a read updates an access time', () => {
  it.each([
    ['older than the last write', stat(NOW - 9, NOW - 8, NOW - 20), true],
    ['older than the last change of attributes', stat(NOW - 9, NOW - 20, NOW - 8), true],
    ['as old as the last write', stat(NOW - 9.5, NOW - 9.5, NOW - 20), true],
    ['newer by a part of a second', stat(NOW - 9.25, NOW - 9.5, NOW - 9.5), false],
    ['older by a part of a second', stat(NOW - 9.5, NOW - 9.25, NOW - 20), true],
    ['a day old', stat(NOW - 86_400, NOW - 100_000, NOW - 100_000), true],
    ['nearly a day old', stat(NOW - 86_399, NOW - 100_000, NOW - 100_000), false],
    ['in the future', stat(NOW + 9, NOW, NOW), false],
  ])('that is %s: %#', (_, seen, updates) => {
    expect(updatesAccessTime({ mode: 'relatime', directories: true }, seen, NOW)).toBe(updates);
  });

  it('always with strictatime, never with noatime', () => {
    const seen = stat(NOW, NOW - 9, NOW - 9);
    expect(updatesAccessTime({ mode: 'strictatime', directories: true }, seen, NOW)).toBe(true);
    expect(updatesAccessTime({ mode: 'noatime', directories: true }, stat(1, 2, 2), NOW)).toBe(false);
  });
});
