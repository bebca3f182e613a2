#!/usr/bin/env node
/** Measures plyfs against fuse-overlayfs, the kernel's overlayfs and a plain directory, all over the same layers. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { contenders } from './contenders.mjs';
import { prepareLayers } from './layers.mjs';
import { machineFacts } from './machine.mjs';
import { measureOnce } from './measure.mjs';
import { tableHead, tableLine, toJson } from './report.mjs';
import { works } from './works.mjs';

const HELP = `npm run bench -- [--only NAME]… [--runs N] [--json FILE]

Prints the median of N runs (5) of each piece of work for each contender, and the ratios of the medians. Runs alternate
between the contenders forth and back, each on a fresh mount with caches dropped. Needs root (mounts, /proc/sys/vm/drop_caches), some
3 GiB in the temporary directory, and a machine that does nothing else. PLYFS_PROGRAM names another program to measure
in the place of bin/plyfs.

Work:
${works.map(({ name, title }) => `  ${name.padEnd(18)}  ${title}`).join('\n')}
`;

async function main(signal) {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      runs: { type: 'string', default: '5' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const chosen = chooseWorks(values.only);
  const runs = Number(values.runs);
  if (!(Number.isInteger(runs) && runs > 0)) throw new Error(`--runs ${values.runs}: not a positive number`);
  if (process.getuid() !== 0) throw new Error('the benchmark mounts and drops caches: it needs root');

  const present = contenders.filter(({ name, version }) => {
    if (version() !== undefined) return true;
    console.error(`${name} is not here and is left out`);
    return false;
  });
  const layers = prepareLayers();
  const machine = machineFacts(present, layers.directory);
  if (machine.loadAtStart > 0.5) console.error(`the machine is busy (load ${machine.loadAtStart.toFixed(1)})`);

  const names = present.map(({ name }) => name);
  console.log(tableHead(names));
  const results = [];
  for (const work of chosen) {
    const result = await measure(work, present, layers, runs, signal);
    results.push(result);
    console.log(tableLine(result, names));
    for (const [name, failure] of result.failures) console.error(`  ${name}: ${failure}`);
  }
  if (values.json) writeFileSync(values.json, `${toJson(results, machine)}\n`);
  if (results.some(({ failures }) => failures.size > 0)) process.exitCode = 1;
}

/** A contender that fails once is left out of this piece of work; the others go on. */
async function measure(work, present, layers, runs, signal) {
  const times = new Map(present.map(({ name }) => [name, []]));
  const failures = new Map();
  for (let run = 0; run < runs; run++) {
    // Forth and back: what one leaves behind (in the disk's cache, in memory) is not always found by the same other.
    for (const contender of run % 2 === 0 ? present : present.toReversed()) {
      if (failures.has(contender.name)) continue;
      try {
        times.get(contender.name).push(await measureOnce(contender, work, layers, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.set(contender.name, error.message);
      }
    }
  }
  return { work, times, failures };
}

function chooseWorks(only) {
  const unknown = only?.find((name) => !works.some((work) => work.name === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: no such work; --help lists them`);
  return only ? works.filter(({ name }) => only.includes(name)) : works;
}

// Stopped in the middle we first take away what is mounted.
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(name, () => stopping.abort(new Error(`ended by ${name}`)));
try {
  await main(stopping.signal);
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
