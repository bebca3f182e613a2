import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { close, openTrusted } from '../../../../src/sys/files/open.js';
import { markUse, usersAreGone } from '../../../../src/sys/locks/mount-mark.js';

it('the users of a directory are gone when no mount is there that has marked it', () => {
  const path = mkdtempSync(join(tmpdir(), 'plyfs-mark-'));
  const [first, second, asking] = [0, 0, 0].map(() => openTrusted(path, 0)) as [number, number, number];
  const areGone = (...living: number[]): boolean => usersAreGone(asking, new Set(living));
  try {
    expect(areGone()).toBe(false); // Nobody has said which mount it is.
    markUse(first, 7);
    markUse(second, 2 ** 33 + 5);
    expect(areGone()).toBe(true);
    expect(areGone(7)).toBe(false);
    expect(areGone(2 ** 33 + 5)).toBe(false);
    expect(areGone(8)).toBe(true);
    close(first);
    expect(areGone(7)).toBe(true);
    expect(usersAreGone(asking, null)).toBe(false); // Who is there cannot be known.
  } finally {
    for (const fd of [second, asking]) close(fd);
    rmSync(path, { recursive: true });
  }
});
