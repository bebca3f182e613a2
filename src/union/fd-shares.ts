/** How the union divides the file descriptors of the process. */
import { readOwnProc } from '../sys/proc.js';

export interface FdShares {
  /** How many real directories one operation opens at most. */
  readonly maxPerOperation: number;
  /** How many real directories are kept open at most. */
  readonly maxDirectories: number;
  /** How many real directories and files of applications can be open together. */
  readonly maxWithFiles: number;
  /** How many files of applications can be open together. */
  readonly maxFiles: number;
}

/**
 * The largest share of the fds that cached directories use. When applications have many files open,
 * directories use fewer.
 */
const DIRECTORY_SHARE = 0.25;
/** Bounds the memory that the cache reserves for its entries, where the limit of open files is very high. */
const MAX_DIRECTORIES = 8192;
/** Directories on the way to a place: of a redirect, and of parents that are copied up. */
const ON_THE_WAY = 16;
/** Even with a very low limit some files can be open. */
const MIN_FILES = 16;

/**
 * Divides the fds.
 * @param named how many lower layers have names
 * @param roots how many roots of lower layers are open
 */
export function shareFds(named: number, roots: number, limit = maxOpenFiles()): FdShares {
  // A rename looks at two merged directories, each with a real directory in every layer, the upper included.
  const maxPerOperation = 2 * (named + 1) + ON_THE_WAY;
  const maxDirectories = Math.max(maxPerOperation, Math.min(MAX_DIRECTORIES, Math.floor(limit * DIRECTORY_SHARE)));
  // The number of evicted directories that can still be open, see `DirectoryFds`.
  const evicted = maxPerOperation;
  const maxWithFiles = limit - evicted - roots - reserveOf(limit);
  // Files never take the fds of the directories that one operation needs.
  return {
    maxPerOperation,
    maxDirectories,
    maxWithFiles,
    maxFiles: Math.max(MIN_FILES, maxWithFiles - maxPerOperation),
  };
}

/**
 * Number of fds for everything else: about 35 of Node, those of running copies, and those of removed files
 * that are still in use.
 */
export function reserveOf(limit: number): number {
  return Math.min(400, Math.max(100, Math.floor(limit / 8)));
}

/** The soft limit of open files (RLIMIT_NOFILE), which Node has raised to the hard one. */
export function maxOpenFiles(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readOwnProc('limits'))?.[1];
  return limit === undefined ? 1024 : Number(limit);
}
