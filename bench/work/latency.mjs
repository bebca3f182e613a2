import { join } from 'node:path';
import { NAMES } from '../recipes/tree.mjs';

/**
 * The latency of a request that the kernel cannot answer from its caches: a lookup. The inodes of the layers
 * are in memory.
 */
const busy = {
  name: 'latency',
  group: 'latency',
  title: 'one uncached lookup, one after the other',
  recipe: 'tree',
  access: 'writable',
  tools: ['gcc'],
  prepare: ({ layers }) => `cd ${layers.directory} && find ${layers.lowers.join(' ')} -printf '%s\\n'`,
  measure: (given) => timeEach(given, 10_000, 0),
  metrics: [
    { name: 'p50', title: 'median', unit: 'µs', isCompared: true },
    { name: 'p99', title: '99th percentile', unit: 'µs', isCompared: true },
  ],
};

/** Client and server sleep between two lookups, as before a single `stat`. */
const idle = {
  ...busy,
  name: 'latency-idle',
  title: 'one uncached lookup, 2 ms after the one before',
  measure: (given) => timeEach(given, 1500, 2000),
};

async function timeEach({ root, layers, shell, program }, count, pause) {
  const names = join(layers.directory, NAMES);
  const { output } = await shell(`${program('latency')} ${root} ${names} ${count} ${pause}`, { wantsOutput: true });
  const [p50, p99] = output.split(' ').map(Number);
  return { p50, p99 };
}

export const works = [busy, idle];
