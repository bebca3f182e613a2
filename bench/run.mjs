#!/usr/bin/env node
/** Measures plyfs against other union file systems and a plain directory, all over the same layers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { refuseCommandLine } from '../scripts/wrong-command-line.mjs';
import { HELP, readCommandLine } from './command-line.mjs';
import { chooseContenders } from './contenders.mjs';
import { prepareLayers, QUICK_SCALE } from './layers.mjs';
import { machineFacts } from './machine.mjs';
import { measure } from './measure.mjs';
import { toJson, updateDocuments } from './report/documents.mjs';
import { verdictsText, workText } from './report/terminal.mjs';
import { workResult } from './results.mjs';
import { targets } from './targets.mjs';
import { installHint, versionOf } from './tools.mjs';
import { judge } from './verdicts.mjs';
import { chooseWorks } from './works.mjs';

const ROOT = new URL('..', import.meta.url);

async function main(signal) {
  const settings = readSettings();
  if (settings.wantsHelp) {
    console.log(HELP);
    return;
  }
  const results = settings.from ? readResults(settings.from) : await measureAll(settings, signal);
  if (settings.updatesDocuments && results.settings.isQuick)
    throw new Error(`--update-docs: the figures of ${settings.from} are those of --quick`);
  const verdicts = judge(results, targets);
  console.log(verdictsText(verdicts));
  if (settings.updatesDocuments) updateDocuments(ROOT, results, verdicts);
}

function readSettings() {
  try {
    return readCommandLine(process.argv.slice(2));
  } catch (error) {
    return refuseCommandLine('bench', error, 'npm run bench -- --help');
  }
}

/** @returns {Promise<import('./results.mjs').Results>} */
async function measureAll(settings, signal) {
  const chosen = chooseWorks(settings.only);
  if (process.getuid() !== 0) throw new Error('the benchmark mounts and drops caches: it needs root');
  const present = chooseContenders(settings.contenders, settings.programs);
  const machine = machineFacts(tmpdir());
  if (machine.loadAtStart > 0.5) console.error(`the machine is busy (load ${machine.loadAtStart.toFixed(1)})`);

  if (settings.isQuick) console.error('--quick: the layers have a tenth of the sizes in the titles');

  const results = {
    machine,
    settings: { runs: settings.runs, isQuick: settings.isQuick },
    contenders: present.map(({ name, version, isAside = false }) => ({ name, version: version(), isAside })),
    works: [],
  };
  const possible = withTheirTools(chosen);
  try {
    for (const contender of present) await contender.start?.();
    await measureWorks(possible, present, results, settings, signal);
  } finally {
    for (const contender of present) await contender.end?.();
  }
  return results;
}

/** Measures each work, and adds its figures to the results. */
async function measureWorks(possible, present, results, settings, signal) {
  const [subject] = present.map(({ name }) => name);
  for (const [index, work] of possible.entries()) {
    console.error(`${index + 1} of ${possible.length}: ${work.name}`);
    const layers = await prepareLayers(work, { scale: settings.isQuick ? QUICK_SCALE : 1, signal });
    const result = workResult(await measure(work, present, layers, settings.runs, signal), subject);
    results.works.push(result);
    console.log(`${workText(result, subject)}\n`);
    if (settings.json) writeFileSync(settings.json, toJson(results, judge(results, targets)));
    if (Object.keys(result.failures).length > 0) process.exitCode = 1;
  }
}

/** The works whose tools are installed. Prints which tools of the others are missing. */
function withTheirTools(chosen) {
  const isInstalled = new Map();
  return chosen.filter(({ name, tools = [] }) => {
    for (const tool of tools) if (!isInstalled.has(tool)) isInstalled.set(tool, versionOf(tool) !== undefined);
    const missing = tools.find((tool) => !isInstalled.get(tool));
    if (missing === undefined) return true;
    console.error(`${name}: left out, because ${missing} is not installed; ${installHint(missing)}`);
    process.exitCode = 1;
    return false;
  });
}

/** @returns {import('./results.mjs').Results} */
function readResults(file) {
  const { machine, settings, contenders, works } = JSON.parse(readFileSync(file, 'utf8'));
  if (!machine || !settings || !contenders || !works) throw new Error(`--from ${file}: not a file of --json`);
  return { machine, settings, contenders, works };
}

// A signal unmounts what is mounted before the process ends.
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(name, () => stopping.abort(new Error(`ended by ${name}`)));
try {
  await main(stopping.signal);
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
