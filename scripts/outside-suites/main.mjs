#!/usr/bin/env node
/** scripts/suites: runs the test suites of other projects and says what came of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { HELP, isChosen, readArguments } from './arguments.mjs';
import { checkPrograms, prepareCheckout } from './checkouts.mjs';
import { judge, knownFailure } from './judge.mjs';
import { known } from './known/known.mjs';
import { facts, updateDocuments } from './report.mjs';
import { countCases } from './results.mjs';
import { runInSandbox } from './sandbox.mjs';
import { Refusal } from './shell.mjs';
import { suites } from './suites.mjs';

try {
  process.exitCode = await main(readArguments(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`suites: ${error.message}`);
  process.exitCode = 1;
}

async function main(settings) {
  if (settings.help) {
    console.log(HELP);
    return 0;
  }
  const outcomes = settings.from ? JSON.parse(readFileSync(settings.from, 'utf8')) : runAll(settings);
  let isGood = true;
  for await (const outcome of outcomes) {
    const judged = conclude(outcome);
    if (settings.write) updateDocuments({ ...outcome, ...judged });
    isGood &&= judged.unexpected === 0;
  }
  return isGood ? 0 : 1;
}

/** Runs the chosen set-ups, and keeps what came of all so far in the file of --json. */
async function* runAll(settings) {
  if (process.getuid() !== 0) throw new Refusal('the suites mount and become other users: they need root');
  checkPrograms();
  const jobs = settings.chosen.flatMap(({ word, checkout: directory }) => {
    const checkout = prepareCheckout(suites[word], directory, settings);
    return setupsOf(suites[word], settings).map((setupName) => ({ word, setupName, checkout }));
  });
  const all = [];
  for (const job of jobs) {
    const outcome = await runSetup(job, settings);
    if (outcome === undefined) continue;
    all.push(outcome);
    if (settings.json) writeFileSync(settings.json, `${JSON.stringify(all, undefined, 1)}\n`);
    yield outcome;
    if (outcome.results.length < outcome.total) throw new Refusal('interrupted; the results so far have been kept');
  }
}

function setupsOf(suite, settings) {
  return Object.entries(suite.setups)
    .filter(([name, { onRequest }]) => (settings.setup.length > 0 ? settings.setup.includes(name) : !onRequest))
    .filter(([, { targets }]) => targets?.includes(settings.on) ?? true)
    .map(([name]) => name);
}

/** Runs one set-up of one suite, and what fails on the other targets. */
async function runSetup({ word, setupName, checkout }, settings) {
  const suite = suites[word];
  const setup = suite.setups[setupName];
  const tests = suite.list({ checkout, setup }).filter((test) => isChosen(test, settings.patterns));
  if (settings.list) {
    for (const test of tests) console.log(`${word}, ${setupName}: ${test}`);
    return undefined;
  }
  const job = { word, setupName, checkout, silence: suite.silence, scratch: settings.scratch };
  const title = `${suite.name}, ${setupName}`;
  console.log(`== ${title}: ${tests.length} tests on ${settings.on}`);
  const started = Date.now();
  const results = await runInSandbox({ ...job, tests, targetName: settings.on, onResult: say(tests.length) });
  const seconds = Math.round((Date.now() - started) / 1000);
  const beside = {};
  const unknown = results
    .filter(({ outcome, test }) => outcome === 'failed' && !knownFailure(known, { word, setupName, test }))
    .map(({ test }) => test);
  for (const target of unknown.length > 0 && results.length === tests.length ? settings.beside : []) {
    if (!(setup.targets?.includes(target) ?? true)) continue;
    console.log(`-- ${title}: what failed, on ${target}`);
    beside[target] = await runInSandbox({ ...job, tests: unknown, targetName: target, onResult: say(unknown.length) });
  }
  return { word, setupName, target: settings.on, facts: facts(), total: tests.length, seconds, results, beside };
}

/** Judges an outcome and prints what it came to. */
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

/** A line for each result that is worth one. */
function say(total) {
  let count = 0;
  return ({ test, outcome, detail = '' }) => {
    count++;
    if (outcome === 'failed') console.log(`   failed  ${test}: ${detail}`);
    else if (count % 50 === 0) console.log(`   ${count} of ${total}`);
  };
}
