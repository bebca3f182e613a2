import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** The user pressed Ctrl-C: what is mounted is unmounted, and nothing else is begun. */
export class Interrupted extends Error {}

/**
 * Does one piece of work once, on a fresh mount, and gives its time in seconds.
 * @param {import('./contenders.mjs').Contender} contender
 * @param {import('./works.mjs').Work} work
 * @param {import('./layers.mjs').Layers} layers
 */
export function measureOnce(contender, work, layers) {
  const place = contender.open(layers, work);
  try {
    const command = work.command({ root: place.root, layers });
    dropCaches();
    if (work.prepare) runInShell(work.prepare({ layers }));
    if (work.start === 'warm') runInShell(command);
    return runInShell(command);
  } finally {
    place.close();
  }
}

/** After a sync everything can be dropped, so each contender begins with the same nothing. */
function dropCaches() {
  spawnSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** Output goes to /dev/null, not through a pipe to us: the reader must not be what is measured. */
function runInShell(command) {
  const begin = process.hrtime.bigint();
  const { status, signal, stderr } = spawnSync('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'] });
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  if (signal === 'SIGINT' || status === 130) throw new Interrupted();
  if (status !== 0) throw new Error(`${command}: status ${status ?? signal}: ${String(stderr).trim().slice(0, 500)}`);
  return seconds;
}

/** @param {number[]} times */
export function median(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
