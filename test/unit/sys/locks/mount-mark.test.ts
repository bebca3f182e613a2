import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { close, openTrusted } from '../../../../src/sys/files/open.js';
import { markUse, usersAreGone } from '../../../../src/sys/locks/mount-mark.js';

it('the users of a directory have ended if no mount that has marked it exists', () => {
  const path = mkdtempSync(join(tmpdir(), 'plyfs-mark-'));
  const [first, second, asking] = [0, 0, 0].map(() => openTrusted(path, 0)) as [number, number, number];
  const haveEnded = (...living: number[]): boolean => usersAreGone(asking, new Set(living));
  try {
    expect(haveEnded()).toBe(false); // No mount has marked it.
    markUse(first, 7);
    markUse(second, 2 ** 33 + 5);
    expect(haveEnded()).toBe(true);
    expect(haveEnded(7)).toBe(false);
    expect(haveEnded(2 ** 33 + 5)).toBe(false);
    expect(haveEnded(8)).toBe(true);
    close(first);
    expect(haveEnded(7)).toBe(true);
    expect(usersAreGone(asking, null)).toBe(false); // The mounts are not known.
  } finally {
    for (const fd of [second, asking]) close(fd);
    rmSync(path, { recursive: true });
  }
});
