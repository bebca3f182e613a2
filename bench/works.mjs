import { works as build } from './work/build.mjs';
import { works as change } from './work/change.mjs';
import { works as clients } from './work/clients.mjs';
import { works as containers } from './work/containers.mjs';
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
 * @property {string} name The name for --only.
 * @property {string} group The name of a group of works, also for --only.
 * @property {string} title The title in the tables.
 * @property {string} recipe The layers.
 * @property {number} [depth] How many layers; default: all.
 * @property {'read-only' | 'writable'} access How the layers are mounted.
 * @property {string[]} [changes] The paths, from the root, that it needs and changes. Undefined: it only
 * reads.
 * @property {string} [notPlain] The reason why a plain directory cannot do it.
 * @property {boolean} [isUser] Mounted and done by an ordinary user.
 * @property {boolean} [metacopy] With metacopy=on, for contenders that have it.
 * @property {boolean} [needsEngine] A container engine mounts by the contender.
 * @property {boolean} [isDirect] With O_DIRECT.
 * @property {boolean} [serversOnly] About the processes that serve a mount.
 * @property {'cold' | 'warm'} [mounting] The caches are dropped before mounting, or it has been mounted once
 * before.
 * @property {number} [mostRuns] How many runs are enough, because they differ little or take long.
 * @property {string[]} [tools] Programs that it needs. Their Debian packages have the same names.
 * @property {number} [memory] How much memory it fills, in bytes, if it is more than usual.
 * @property {(given: Given) => string} [fill] A command that is run on the mount before caches are dropped.
 * @property {(given: Given) => string} [prepare] A command that is run after that, without using the mount.
 * @property {'cold' | 'warm'} [start] `warm`: the command has been run once before.
 * @property {(given: Given) => string} [command] A command whose time is measured; or:
 * @property {(given: Given) => Promise<Record<string, number>>} [measure] A function that returns the
 * figures.
 * @property {Metric[]} [metrics] The kinds of figures; default: seconds.
 *
 * @typedef {object} Metric
 * @property {string} name
 * @property {string} [title] A title, if the work has several metrics.
 * @property {'s' | 'µs' | 'bytes' | 'MiB' | 'ms/s'} unit
 * @property {boolean} isCompared Whether a ratio is useful.
 *
 * @typedef {object} Given
 * @property {string} root The directory that shows the tree.
 * @property {import('./layers.mjs').Layers} layers
 * @property {import('./contenders/contender.mjs').Place} place
 * @property {string} contender
 * @property {import('./contenders/contender.mjs').Engine} engine
 * @property {() => import('./contenders/contender.mjs').Place} another Mounts the layers once more, on a root
 * of its own, until the end of the run.
 * @property {(command: string, how?: {wantsOutput?: boolean}) => Promise<import('./shell.mjs').Finished>}
 * shell
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
  ...containers,
  ...latency,
  ...server,
];

/** @param {string[] | undefined} only Names of works and of groups; undefined: all. */
export function chooseWorks(only) {
  if (only === undefined) return works;
  const isChosen = (work, name) => work.name === name || work.group === name;
  const unknown = only.find((name) => !works.some((work) => isChosen(work, name)));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: no such work; --help lists them`);
  return works.filter((work) => only.some((name) => isChosen(work, name)));
}
