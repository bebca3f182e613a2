/** Directories for one test, on a file system that can hold an upper layer. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LayerName } from '../conformance/tree.js';
import * as sys from './sys/index.js';

const MEMORY = '/dev/shm';

/**
 * Makes a directory below the system's directory for temporary files, or below PLYFS_TEST_DIR, such as a real
 * disk where /tmp is in memory.
 */
export function makeScratch(purpose: string): string {
  const dir = mkdtempSync(resolve(process.env.PLYFS_TEST_DIR ?? tmpdir(), `plyfs-${purpose}-`));
  // Tests also act as other users, who must be able to enter the directory.
  chmodSync(dir, 0o755);
  return dir;
}

/**
 * Makes a directory in memory if an upper layer can be there, and otherwise as {@link makeScratch} does. For
 * tests that would only wait for a disk.
 */
export function makeMemoryScratch(purpose: string): string {
  if (process.env.PLYFS_TEST_DIR !== undefined || !existsSync(MEMORY)) return makeScratch(purpose);
  const dir = mkdtempSync(join(MEMORY, `plyfs-${purpose}-`));
  chmodSync(dir, 0o755);
  // tmpfs has `user.` attributes since Linux 6.6.
  if (sys.outcome(() => sys.setxattr(dir, 'user.test', '1')) === 'ok') return dir;
  removeScratch(dir);
  return makeScratch(purpose);
}

export function removeScratch(dir: string): void {
  // rm(1) cannot remove objects that a failed case left immutable. chattr fails where a file system has no
  // such flags; nothing is immutable there.
  spawnSync('chattr', ['-R', '-f', '-i', '-a', dir], { stdio: 'ignore' });
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}

/** The directories of one union below a scratch directory. */
export interface LayerDirs {
  /** Top first. */
  readonly lowers: readonly string[];
  /** Null for a read-only union. */
  readonly upper: string | null;
  readonly work: string;
  readonly mountpoint: string;
}

/** The directories of a union that has an upper. */
export type WritableLayerDirs = LayerDirs & { readonly upper: string };

/** Makes `upper`, `lower1`…`lower3`, `work` and `merged` below `base`. */
export function makeLayerDirs(base: string): WritableLayerDirs {
  const at = (name: LayerName | 'work' | 'merged'): string => join(base, name);
  for (const name of ['upper', 'lower1', 'lower2', 'lower3', 'work', 'merged'] as const) mkdirSync(at(name));
  return {
    lowers: [at('lower1'), at('lower2'), at('lower3')],
    upper: at('upper'),
    work: at('work'),
    mountpoint: at('merged'),
  };
}
