/** Measures one piece of work for all contenders. */
import { claimMemory, dropCaches, loadPrograms } from './caches.mjs';
import { compiledProgram } from './programs.mjs';
import { runInShell } from './shell.mjs';

/** The memory that most works fill with page cache and inodes, in bytes. */
const USUAL_MEMORY = 512 * 2 ** 20;

/** A contender with a run of more than this time does two runs: noise matters less in long runs. */
const SLOW_SECONDS = 60;
const SLOW_RUNS = 2;

/** A contender without a target does one run of this many. */
const ASIDE = 3;

/**
 * @typedef {object} Measured
 * @property {import('./works.mjs').Work} work
 * @property {Map<string, Record<string, number>[]>} samples The figures of each round, by contender.
 * @property {Map<string, string>} failures The reason, by contender.
 * @property {Map<string, string>} unfit The reason why a contender did not run, by contender.
 */

/**
 * Measures all contenders in turn. A contender that fails once is left out of this piece of work.
 * @param {import('./works.mjs').Work} work
 * @param {import('./contenders/contender.mjs').Contender[]} contenders
 * @param {import('./layers.mjs').Layers} layers
 * @returns {Promise<Measured>}
 */
export async function measure(work, contenders, layers, runs, signal) {
  const reasons = contenders.map((contender) => [contender.name, unfitness(contender, work)]);
  const unfit = new Map(reasons.filter(([, reason]) => reason !== undefined));
  const fit = contenders.filter(({ name }) => !unfit.has(name));
  const samples = new Map(fit.map(({ name }) => [name, []]));
  const failures = new Map();
  const slow = new Set();
  const runsOf = ({ name, isAside }) => {
    if (isAside) return Math.ceil(runs / ASIDE);
    return slow.has(name) ? SLOW_RUNS : runs;
  };
  for (let round = 0; round < Math.min(runs, work.mostRuns ?? runs); round++) {
    // The order is reversed in each round, so that it is not always the same contender that finds the remains
    // of another one in the disk's cache or in memory.
    for (const contender of round % 2 === 0 ? fit : fit.toReversed()) {
      if (failures.has(contender.name) || round >= runsOf(contender)) continue;
      const begin = Date.now();
      try {
        samples.get(contender.name).push(await measureOnce(contender, work, layers, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.set(contender.name, error.message);
        samples.set(contender.name, []);
      }
      if (Date.now() - begin > SLOW_SECONDS * 1000) slow.add(contender.name);
    }
  }
  return { work, samples, failures, unfit };
}

function unfitness(contender, work) {
  if (work.needsEngine && contender.engine === undefined) return 'container engines cannot use it';
  if (work.serversOnly && !contender.isServer) return 'it has no server';
  return contender.unfitFor(work);
}

/** Measures one run on a fresh mount. Unmounts before it ends, also if `signal` stops it. */
async function measureOnce(contender, work, layers, signal) {
  await beforeMounting(contender, work, layers, signal);
  const place = contender.open(layers, work);
  const places = [place];
  const another = () => {
    places.push(contender.open(layers, work));
    return places.at(-1);
  };
  try {
    const shell = (command, how = {}) => runInShell(command, { signal, isUser: work.isUser, ...how });
    const given = {
      root: place.root,
      layers,
      place,
      shell,
      program: compiledProgram,
      contender: contender.name,
      another,
      engine: contender.engine?.(),
      signal,
    };
    if (work.fill) await shell(work.fill(given));
    if (!work.mounting) await dropCaches(signal);
    await loadPrograms(signal);
    await claimMemory(signal, work.memory ?? USUAL_MEMORY);
    if (work.prepare) await runInShell(work.prepare(given), { signal });
    if (work.measure) return await work.measure(given);
    const command = work.command(given);
    if (work.start === 'warm') await shell(command);
    return { seconds: (await shell(command)).seconds };
  } finally {
    await closeAll(places);
  }
}

/** Closes all of them, also if one cannot be closed. */
async function closeAll(places) {
  const outcomes = await Promise.allSettled(places.map((place) => place.close()));
  const failure = outcomes.find(({ status }) => status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Prepares the caches if mounting itself is measured. */
async function beforeMounting(contender, work, layers, signal) {
  if (work.mounting === 'cold') await dropCaches(signal);
  if (work.mounting === 'warm') await contender.open(layers, work).close();
}
