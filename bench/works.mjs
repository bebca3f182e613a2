import { works as build } from './work/build.mjs';
import { works as change } from './work/change.mjs';
import { works as clients } from './work/clients.mjs';
import { works as git } from './work/git.mjs';
import { works as largeFiles } from './work/large-files.mjs';
import { works as latency } from './work/latency.mjs';
import { works as layers } from './work/layers.mjs';
import { works as list } from './work/list.mjs';
import { works as missing } from './work/missing.mjs';
import { works as random } from './work/random.mjs';
import { works as readBig } from './work/read-big.mjs';
import { works as readSmall } from './work/read-small.mjs';
import { works as server } from './work/server.mjs';
import { works as sqlite } from './work/sqlite.mjs';
import { works as walk } from './work/walk.mjs';
import { works as write } from './work/write.mjs';

/**
 * A piece of work, done on a fresh mount.
 *
 * @typedef {object} Work
 * @property {string} name For --only.
 * @property {string} group Some of the same kind, also for --only.
 * @property {string} title For the tables.
 * @property {string} recipe Which layers.
 * @property {number} [depth] How many of them; all.
 * @property {'read-only' | 'writable'} access How the layers are mounted.
 * @property {string[]} [changes] Undefined: it only reads. Otherwise the paths, from the root, of what it needs there
 * and changes.
 * @property {string} [notPlain] Why it cannot be done on a plain directory.
 * @property {boolean} [isUser] Mounted and done by an ordinary user.
 * @property {boolean} [metacopy] With metacopy=on, for those that know it.
 * @property {boolean} [isDirect] With O_DIRECT.
 * @property {boolean} [serversOnly] About the processes that serve a mount.
 * @property {'cold' | 'warm'} [mounting] The caches are dropped before mounting, or it has been mounted once before.
 * @property {number} [mostRuns] How many runs are enough, where they differ little or take long.
 * @property {string[]} [tools] Programs that it needs; their Debian packages have the same names.
 * @property {number} [memory] How much memory it fills, in bytes, if it is more than usual.
 * @property {(given: Given) => string} [fill] A command that is run on the mount before caches are dropped.
 * @property {(given: Given) => string} [prepare] A command that is run after that; not for what goes through the mount.
 * @property {'cold' | 'warm'} [start] Of a command. Warm: the command has been run once before.
 * @property {(given: Given) => string} [command] A command whose time is measured; or:
 * @property {(given: Given) => Promise<Record<string, number>>} [measure] Gives the figures itself.
 * @property {Metric[]} [metrics] What the figures are; seconds.
 *
 * @typedef {object} Metric
 * @property {string} name
 * @property {string} [title] If it is not the only one of the work.
 * @property {'s' | 'µs' | 'bytes' | 'MiB' | 'ms/s'} unit
 * @property {boolean} isCompared Whether a ratio says something.
 *
 * @typedef {object} Given
 * @property {string} root Where the tree is shown.
 * @property {import('./layers.mjs').Layers} layers
 * @property {import('./contenders/contender.mjs').Place} place
 * @property {string} contender
 * @property {(command: string, how?: {wantsOutput?: boolean}) => Promise<import('./shell.mjs').Finished>} shell
 * @property {(name: string) => string} program The path of one of the C programs.
 * @property {AbortSignal} signal
 */

/** @type {Metric[]} */
export const SECONDS = [{ name: 'seconds', unit: 's', isCompared: true }];

/** @type {Work[]} */
export const works = [
  ...walk,
  ...list,
  ...missing,
  ...readSmall,
  ...readBig,
  ...write,
  ...random,
  ...change,
  ...largeFiles,
  ...git,
  ...build,
  ...sqlite,
  ...layers,
  ...clients,
  ...latency,
  ...server,
];

/** @param {string[] | undefined} only Names of works and of groups; undefined: all. */
export function chooseWorks(only) {
  if (only === undefined) return works;
  const isMeant = (work, name) => work.name === name || work.group === name;
  const unknown = only.find((name) => !works.some((work) => isMeant(work, name)));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: no such work; --help lists them`);
  return works.filter((work) => only.some((name) => isMeant(work, name)));
}
