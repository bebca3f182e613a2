import { readFileSync } from 'node:fs';
import { Errno, FsError } from '../core/errno.js';
import type { Operations } from '../fuse/operations.js';
import { OverlayDialect, type XattrNamespace } from '../whiteout/overlay-dialect.js';
import { OverlayHiding } from '../whiteout/overlay-hiding.js';
import { WorkDirectory } from '../whiteout/work-directory.js';
import { CopyJobs } from './copy-jobs.js';
import { DirectoryFds } from './directory-fds.js';
import { InodeNumbers } from './inode-numbers.js';
import { Layer } from './layer.js';
import { NodeTable } from './node-table.js';
import { Union, type Upper } from './union.js';
import { UnionFilesystem } from './union-filesystem.js';

/** What a union is made of. Paths are bytes, latin1-decoded. */
export interface UnionConfig {
  /** Top first; at least one. */
  readonly lowers: readonly string[];
  /** With {@link work}; absent: a read-only union. */
  readonly upper?: string;
  readonly work?: string;
  /** Never wait for the disk: what a crash of the machine loses is lost. */
  readonly volatile: boolean;
  /** Receives one line about something odd that does not stop the mount. */
  readonly log: (line: string) => void;
}

/** Share of the process's open files that cached directories may use; open files of applications need the rest. */
const DIRECTORY_SHARE = 0.25;
const MAX_DIRECTORIES = 8192;
/** Fds for everything else: Node's own, copies under way, files that have lost their name while in use. */
const RESERVE = 400;

/**
 * Opens all layers and builds the union.
 * @throws FsError with the path of the layer that cannot be opened
 */
export function createUnion(config: UnionConfig): Operations {
  const opened: { close(): void }[] = [];
  try {
    return assemble(config, opened);
  } catch (error) {
    for (const part of opened.reverse()) part.close();
    throw error;
  }
}

/** Adds to `opened` what has to be closed if a later part cannot be opened. */
function assemble(config: UnionConfig, opened: { close(): void }[]): Operations {
  const keep = <T extends { close(): void }>(part: T): T => {
    opened.push(part);
    return part;
  };
  const dialect = new OverlayDialect(xattrNamespace());
  const lowers = config.lowers.map((path) => keep(Layer.open(path, false, dialect)));
  const upper = openUpper(config, dialect, keep);
  const grace = 2 * (lowers.length + 1) + 16;
  const limit = maxOpenFiles();
  const directories = Math.max(grace, Math.min(MAX_DIRECTORIES, Math.floor(limit * DIRECTORY_SHARE)));
  const fds = new DirectoryFds(directories, grace);
  const openFiles = Math.max(16, limit - directories - grace - lowers.length - RESERVE);
  const jobs = keep(new CopyJobs());
  const numbers = new InodeNumbers();
  const union = new Union(upper, lowers, dialect, fds, new NodeTable(fds), numbers, jobs, openFiles, config.log);
  return new UnionFilesystem(union, config.volatile);
}

function openUpper(
  config: UnionConfig,
  dialect: OverlayDialect,
  keep: <T extends { close(): void }>(part: T) => T,
): Upper | null {
  if (config.upper === undefined) return null;
  const layer = keep(Layer.open(config.upper, true, dialect));
  if (config.work === undefined) throw new FsError(Errno.EINVAL, 'an upper layer needs a work directory', config.upper);
  const work = keep(WorkDirectory.open(config.work, config.log));
  return {
    layer,
    work,
    hiding: new OverlayHiding(work, dialect),
    copyUp: { work, dialect, sync: !config.volatile },
  };
}

/**
 * `trusted.` xattrs can be seen and set with CAP_SYS_ADMIN in the initial user namespace only; everywhere else the
 * overlay format has its `user.` form.
 */
function xattrNamespace(): XattrNamespace {
  const initialNamespace = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const sysAdmin = (BigInt(`0x${capabilities}`) >> 21n) & 1n;
  return initialNamespace && sysAdmin === 1n ? 'trusted' : 'user';
}

/** The soft limit of open files (RLIMIT_NOFILE), which Node has raised to the hard one. */
function maxOpenFiles(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return limit === undefined ? 1024 : Number(limit);
}
