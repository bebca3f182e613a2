/**
 * A union whose operations a test calls directly, without a kernel, over layers in the test's own directory.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operations } from '../../src/fuse/operations.js';
import { createUnion, type UnionConfig } from '../../src/union/index.js';

/** Makes a new directory with an empty `lower`, `upper` and `work` in it. */
export function makeUnionHome(name: string): string {
  const home = mkdtempSync(join(tmpdir(), `plyfs-${name}-`));
  for (const part of ['lower', 'upper', 'work']) mkdirSync(join(home, part));
  return home;
}

export function openUnion(home: string, more: Partial<UnionConfig> = {}): Operations {
  return createUnion({
    lowers: [join(home, 'lower')],
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    volatile: true,
    log: () => {},
    ...more,
  });
}
