/**
 * Runs one set-up of a suite on plyfs or another target, and its failed tests on the targets for comparison.
 */
import { isChosen } from './arguments.mjs';
import { knownFailure } from './judge.mjs';
import { known } from './known/known.mjs';
import { facts } from './report.mjs';
import { runInSandbox } from './sandbox.mjs';
import { suites } from './suites.mjs';

/** @typedef {{ word: string, setupName: string, checkout: string }} Job */

/** Runs the tests of a set-up. Undefined if they are only listed. */
export async function runSetup(job, settings) {
  const { word, setupName, checkout } = job;
  const suite = suites[word];
  const tests = suite
    .list({ checkout, setup: suite.setups[setupName] })
    .filter((test) => isChosen(test, settings.patterns));
  if (settings.list) {
    for (const test of tests) console.log(`${word}, ${setupName}: ${test}`);
    return undefined;
  }
  const started = Date.now();
  const outcome = await runTests(job, tests, settings);
  const seconds = Math.round((Date.now() - started) / 1000);
  return { word, setupName, target: settings.on, facts: facts(), total: tests.length, seconds, ...outcome };
}

/** Runs what failed in an earlier outcome, and replaces it there. */
export async function runAgain(job, earlier, settings) {
  const failed = earlier.results.filter(({ outcome }) => outcome === 'failed').map(({ test }) => test);
  const { results, beside, isInterrupted } = await runTests(job, failed, settings);
  const replaced = earlier.results.map((result) => results.find(({ test }) => test === result.test) ?? result);
  const { commit } = facts();
  return { ...earlier, facts: { ...earlier.facts, failuresAt: commit }, results: replaced, beside, isInterrupted };
}

async function runTests({ word, setupName, checkout }, tests, settings) {
  const { name, silence, setups } = suites[word];
  const { scratch, service } = settings;
  const job = { word, setupName, checkout, silence, scratch };
  console.log(`== ${name}, ${setupName}: ${tests.length} tests on ${settings.on}`);
  const results = await runInSandbox({ ...job, tests, targetName: settings.on, service, onResult: say(tests.length) });
  const isInterrupted = results.length < tests.length;
  const beside = {};
  const unknown = results
    .filter(({ outcome, test }) => outcome === 'failed' && !knownFailure(known, { word, setupName, test }))
    .map(({ test }) => test);
  for (const target of unknown.length > 0 && !isInterrupted ? settings.beside : []) {
    if (!(setups[setupName].targets?.includes(target) ?? true)) continue;
    console.log(`-- ${name}, ${setupName}: what failed, on ${target}`);
    beside[target] = await runInSandbox({ ...job, tests: unknown, targetName: target, onResult: say(unknown.length) });
  }
  return { results, beside, isInterrupted };
}

/** Prints a line for each failure, and for every fiftieth test. */
function say(total) {
  let count = 0;
  return ({ test, outcome, detail = '' }) => {
    count++;
    if (outcome === 'failed') console.log(`   failed  ${test}: ${detail}`);
    else if (count % 50 === 0) console.log(`   ${count} of ${total}`);
  };
}
