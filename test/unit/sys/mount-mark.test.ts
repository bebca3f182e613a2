import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { markUse, usersAreGone } from '../../../src/sys/mount-mark.js';
import { close, openTrusted } from '../../../src/sys/open.js';

it('the users of a directory are gone when no mount is there that has marked it', () => {
  const path = mkdtempSync(join(tmpdir(), 'plyfs-mark-'));
  const [first, second, asking] = [0, 0, 0].map(() => openTrusted(path, 0)) as [number, number, number];
  const areGone = (...living: number[]): boolean => usersAreGone(asking, (minor) => living.includes(minor));
  try {
    expect(areGone()).toBe(false); // Nobody has said which mount it is.
    markUse(first, 7);
    markUse(second, 4096);
    expect(areGone()).toBe(true);
    expect(areGone(7)).toBe(false);
    expect(areGone(4096)).toBe(false);
    expect(areGone(8)).toBe(true);
    close(first);
    expect(areGone(7)).toBe(true);
  } finally {
    for (const fd of [second, asking]) close(fd);
    rmSync(path, { recursive: true });
  }
});
