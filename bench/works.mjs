import { work as readBigCold } from './work/read-big-cold.mjs';
import { work as readBigWarm } from './work/read-big-warm.mjs';
import { work as readBigWritable } from './work/read-big-writable.mjs';
import { work as readSmall } from './work/read-small.mjs';
import { work as remove } from './work/remove.mjs';
import { work as unpack } from './work/unpack.mjs';
import { work as walkCold } from './work/walk-cold.mjs';
import { work as walkWarm } from './work/walk-warm.mjs';
import { work as writeBig } from './work/write-big.mjs';
import { work as writeBigFsync } from './work/write-big-fsync.mjs';

/**
 * A piece of work: what is timed is one shell command, run on a fresh mount.
 *
 * @typedef {object} Work
 * @property {string} name For --only.
 * @property {string} title For the table.
 * @property {'read-only' | 'writable'} access How the layers are mounted.
 * @property {'nothing' | 'new files' | 'tree'} changes What it changes.
 * @property {'cold' | 'warm'} start Cold: caches dropped after mounting. Warm: the command has run once before.
 * @property {(given: {layers: import('./layers.mjs').Layers}) => string} [prepare] Run before, not timed.
 * @property {(given: {root: string, layers: import('./layers.mjs').Layers}) => string} command
 */

/** @type {Work[]} */
export const works = [
  walkCold,
  walkWarm,
  readSmall,
  readBigWritable,
  readBigCold,
  readBigWarm,
  writeBig,
  writeBigFsync,
  unpack,
  remove,
];
