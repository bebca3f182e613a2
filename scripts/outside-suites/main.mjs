#!/usr/bin/env node
/** scripts/suites: runs the test suites of other projects and prints the results. */
import { readFileSync, writeFileSync } from 'node:fs';
import { refuseCommandLine } from '../wrong-command-line.mjs';
import { HELP, readArguments, WrongArguments } from './arguments.mjs';
import { checkPrograms, prepareCheckout } from './checkouts.mjs';
import { judge } from './judge.mjs';
import { known } from './known/known.mjs';
import { updateDocuments } from './report.mjs';
import { countCases } from './results.mjs';
import { runAgain, runSetup } from './runs.mjs';
import { Refusal } from './shell.mjs';
import { suites } from './suites.mjs';

try {
  process.exitCode = await main(readArguments(process.argv.slice(2)));
} catch (error) {
  if (error instanceof WrongArguments) refuseCommandLine('suites', error, 'scripts/suites --help');
  if (!(error instanceof Refusal)) throw error;
  console.error(`suites: ${error.message}`);
  process.exitCode = 1;
}

async function main(settings) {
  if (settings.help) {
    console.log(HELP);
    return 0;
  }
  const earlier = settings.from ?? settings.again;
  const kept = earlier === undefined ? [] : readOutcomes(earlier);
  const outcomes = settings.from ? kept : runAll(settings, kept);
  let isGood = true;
  for await (const outcome of outcomes) {
    const judged = conclude(outcome);
    if (settings.write) updateDocuments({ ...outcome, ...judged });
    isGood &&= judged.unexpected === 0;
  }
  return isGood ? 0 : 1;
}

/** The results that an earlier run has written with --json. */
function readOutcomes(file) {
  try {
    const outcomes = JSON.parse(readFileSync(file, 'utf8'));
    if (Array.isArray(outcomes)) return outcomes;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw new WrongArguments(error.message);
  }
  throw new WrongArguments(`${file}: not a file of --json`);
}

/**
 * Runs the chosen set-ups, or the failed tests of an earlier run, and writes all results so far into the file
 * of --json.
 */
async function* runAll(settings, earlier) {
  if (process.getuid() !== 0) throw new Refusal('the suites mount and become other users: they need root');
  checkPrograms();
  const jobs = settings.chosen.flatMap(({ word, checkout: directory }) => {
    const checkout = prepareCheckout(suites[word], directory, settings);
    return setupsOf(suites[word], settings).map((setupName) => ({ word, setupName, checkout }));
  });
  const all = [];
  for (const job of jobs) {
    const before = earlier.find(({ word, setupName }) => word === job.word && setupName === job.setupName);
    if (settings.again && before === undefined) continue;
    const outcome = await (before ? runAgain(job, before, settings) : runSetup(job, settings));
    if (outcome === undefined) continue;
    all.push(outcome);
    if (settings.json) writeFileSync(settings.json, `${JSON.stringify(all, undefined, 1)}\n`);
    yield outcome;
    if (outcome.isInterrupted) throw new Refusal('interrupted; the results so far have been kept');
  }
}

function setupsOf(suite, settings) {
  return Object.entries(suite.setups)
    .filter(([name, { onRequest }]) => (settings.setup.length > 0 ? settings.setup.includes(name) : !onRequest))
    .filter(([, { targets }]) => targets?.includes(settings.on) ?? true)
    .map(([name]) => name);
}

/** Judges an outcome and prints the verdict. */
function conclude({ word, setupName, results, beside }) {
  const judged = judge(results, beside, known, { word, setupName });
  const { passed, failed, skipped } = countCases(results);
  for (const { test, detail } of judged.failures.filter(({ kind }) => kind === 'new' || kind === 'open'))
    console.log(`   ${test}: ${detail}`);
  const title = `${suites[word].name}, ${setupName}`;
  console.log(
    `== ${title}: ${passed} passed, ${failed} failed, ${skipped} not run; unexpected failures: ${judged.unexpected}`,
  );
  return judged;
}
