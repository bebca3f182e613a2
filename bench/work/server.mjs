/** The cost of a server before its first request, and while it is idle. */
import { dropCaches } from '../caches.mjs';
import { pause, waitFor } from '../pause.mjs';
import { manyNodes } from '../recipes/many.mjs';
import { cpuSeconds, proportionalBytes, residentBytes } from '../servers.mjs';

const MEBIBYTE = 2 ** 20;
/** V8 collects garbage eight seconds after the last work, and can do so a second time. */
const SETTLE_SECONDS = 20;
const IDLE_SECONDS = 5;
/**
 * How long a server may take to free memory after the kernel has forgotten its nodes. V8's collection is part
 * of that time.
 */
const FORGET_SECONDS = 30;

const mount = {
  name: 'mount',
  group: 'mount',
  title: 'mount until the first answer, the program in the page cache',
  recipe: 'tree',
  access: 'writable',
  notPlain: 'it is not mounted',
  mounting: 'warm',
  measure: async ({ place }) => ({ seconds: place.mountSeconds }),
};

const mountCold = {
  ...mount,
  name: 'mount-cold',
  title: 'mount until the first answer, the program from the disk',
  mounting: 'cold',
};

/** Resident memory, with the pages of the program's own files: the memory that a host needs. */
const memory = {
  name: 'memory',
  group: 'memory',
  title: 'resident memory',
  recipe: 'many',
  access: 'writable',
  serversOnly: true,
  mostRuns: 3,
  measure: async ({ root, layers, place, shell, signal }) => {
    const base = residentBytes(place.servers);
    await shell(`find ${root}/many -printf '%s\\n'`);
    const walked = residentBytes(place.servers);
    await dropCaches(signal, 2);
    // The kernel sends a FORGET for each node, and the server needs time to free the memory.
    await waitFor(() => residentBytes(place.servers) < base + (walked - base) / 10, FORGET_SECONDS, signal);
    return {
      base: base / MEBIBYTE,
      walked: walked / MEBIBYTE,
      forgotten: residentBytes(place.servers) / MEBIBYTE,
      perNode: (walked - base) / manyNodes(layers),
    };
  },
  metrics: [
    { name: 'base', title: 'after mounting', unit: 'MiB', isCompared: true },
    { name: 'walked', title: 'after a walk of 200,000 files', unit: 'MiB', isCompared: true },
    { name: 'perNode', title: 'per cached file and directory', unit: 'bytes', isCompared: true },
    { name: 'forgotten', title: 'after the kernel has forgotten them', unit: 'MiB', isCompared: true },
  ],
};

const idle = {
  name: 'idle',
  group: 'idle',
  title: 'CPU time of an idle mount',
  recipe: 'tree',
  access: 'writable',
  serversOnly: true,
  mostRuns: 2,
  measure: async ({ root, place, shell, signal }) => {
    await shell(`find ${root}/tree/a -printf '%s\\n'`);
    await pause(SETTLE_SECONDS);
    signal.throwIfAborted();
    const begin = process.hrtime.bigint();
    const before = cpuSeconds(place.servers);
    await pause(IDLE_SECONDS);
    const used = cpuSeconds(place.servers) - before;
    return { cpu: (used * 1000) / (Number(process.hrtime.bigint() - begin) / 1e9) };
  },
  metrics: [{ name: 'cpu', unit: 'ms/s', isCompared: false }],
};

/** As many mounts as a machine has containers. Each is used a little, as a short-lived container does. */
function idleMounts(count) {
  return {
    name: `idle-mounts-${count}`,
    group: 'idle-mounts',
    title: `memory of the servers of ${count} idle mounts, shared pages counted once`,
    recipe: 'tree',
    access: 'writable',
    serversOnly: true,
    mostRuns: 2,
    measure: async ({ place, another, shell, signal }) => {
      const places = [place];
      while (places.length < count) {
        signal.throwIfAborted();
        places.push(another());
      }
      for (const { root } of places) {
        await shell(`find ${root} -maxdepth 3 -printf '%s\n' && mkdir ${root}/new && echo new > ${root}/new/file`);
      }
      const servers = [...new Set(places.flatMap((each) => each.servers))];
      await pause(SETTLE_SECONDS);
      const before = cpuSeconds(servers);
      await pause(IDLE_SECONDS);
      const cpu = ((cpuSeconds(servers) - before) * 1000) / IDLE_SECONDS;
      return { memory: proportionalBytes(servers) / MEBIBYTE, cpu };
    },
    metrics: [
      { name: 'memory', unit: 'MiB', isCompared: true },
      { name: 'cpu', title: 'their CPU time', unit: 'ms/s', isCompared: false },
    ],
  };
}

export const works = [mount, mountCold, memory, idle, idleMounts(20), idleMounts(100)];
