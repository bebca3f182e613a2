import { readFileSync } from 'node:fs';
import type { Operations } from '../fuse/operations.js';
import { CopyJobs } from './copy-jobs.js';
import { DirectoryFds } from './directory-fds.js';
import { InodeNumbers } from './inode-numbers.js';
import { Layer } from './layer.js';
import { type LayerFormat, layerFormat } from './layer-format.js';
import { NodeTable } from './node-table.js';
import { Union, type Upper } from './union.js';
import type { UnionConfig } from './union-config.js';
import { UnionFilesystem } from './union-filesystem.js';

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

/** Adds to `parts` what has to be closed if a later part cannot be opened. */
function assemble(config: UnionConfig, parts: { close(): void }[]): Operations {
  const keep = <T extends { close(): void }>(part: T): T => {
    parts.push(part);
    return part;
  };
  const format = layerFormat(config);
  const above = config.upper === undefined ? 0 : 1;
  const opened = config.lowers.map((path, i) =>
    keep(Layer.open(path, { depth: i + above, isUpper: false }, format.lowerReader(i))),
  );
  const named = opened.length - (config.overlay?.dataLayers ?? 0);
  const lowers = opened.slice(0, named);
  const upper = openUpper(config, format, keep);
  for (const layer of upper === null ? lowers : [upper.layer, ...lowers]) format.noteUnread(layer);
  const grace = 2 * (lowers.length + 1) + 16;
  const limit = maxOpenFiles();
  const directories = Math.max(grace, Math.min(MAX_DIRECTORIES, Math.floor(limit * DIRECTORY_SHARE)));
  const fds = new DirectoryFds(directories, grace);
  const openFiles = Math.max(16, limit - directories - grace - opened.length - RESERVE);
  const jobs = keep(new CopyJobs(config.log));
  const numbers = new InodeNumbers();
  const union = new Union(
    upper,
    lowers,
    opened.slice(named),
    format.dialect,
    fds,
    new NodeTable(fds),
    numbers,
    jobs,
    openFiles,
    config.log,
  );
  return new UnionFilesystem(union, config.volatile);
}

function openUpper(
  config: UnionConfig,
  format: LayerFormat,
  keep: <T extends { close(): void }>(part: T) => T,
): Upper | null {
  if (config.upper === undefined) return null;
  const { dialect } = format;
  const layer = keep(Layer.open(config.upper, { depth: 0, isUpper: true }, format.upperReader));
  const work = keep(format.openWork(layer));
  return { layer, work, hiding: format.hiding(layer, work), copyUp: { work, dialect, sync: !config.volatile } };
}

/** The soft limit of open files (RLIMIT_NOFILE), which Node has raised to the hard one. */
function maxOpenFiles(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return limit === undefined ? 1024 : Number(limit);
}
