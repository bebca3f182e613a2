/** docs/suites.json, which keeps the last outcome of each set-up, and docs/suites.md, which shows it. */
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pageOf } from './page.mjs';
import { countCases } from './results.mjs';
import { run } from './shell.mjs';
import { plyfsProgram } from './targets.mjs';

const ROOT = new URL('../../', import.meta.url);
const DATA = fileURLToPath(new URL('docs/suites.json', ROOT));
const PAGE = fileURLToPath(new URL('docs/suites.md', ROOT));

/** Replaces the results of one set-up in both files. */
export function updateDocuments(outcome) {
  const outcomes = existsSync(DATA) ? JSON.parse(readFileSync(DATA, 'utf8')) : {};
  outcomes[`${outcome.word}, ${outcome.setupName}`] = summaryOf(outcome);
  writeFileSync(DATA, `${JSON.stringify(outcomes, undefined, 1)}\n`);
  writeFileSync(PAGE, pageOf(outcomes));
}

/**
 * The commit of plyfs and the kernel. If the checkout's program has uncommitted changes, it is marked as
 * changed.
 */
export function facts() {
  const directory = dirname(realpathSync(plyfsProgram()));
  const git = (...args) => run('git', ['-C', directory, ...args]).trim();
  const changed = git('status', '--porcelain', '--', '../src', '../bin') !== '';
  return {
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed ? ' and changes' : ''}`,
    linux: release().split('-')[0],
    date: new Date().toISOString().slice(0, 10),
  };
}

/** A summary of an outcome: counts, failed tests with reasons, and the reasons why tests were not run. */
export function summaryOf({ facts: provenance, total, seconds, results, failures, unexpected }) {
  const reasons = new Map();
  for (const { outcome, detail } of results)
    if (outcome === 'skipped' && detail) reasons.set(generalised(detail), (reasons.get(generalised(detail)) ?? 0) + 1);
  const expected = failures.filter(({ kind }) => kind !== 'open' && kind !== 'new').length;
  return {
    ...provenance,
    seconds,
    counts: countCases(results),
    tests: results.length,
    total,
    expected,
    unexpected,
    failures: failures.map(({ test, kind, reason, detail }) => ({
      test,
      kind,
      reason,
      ...(kind === 'new' ? { detail } : {}),
    })),
    notRun: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
  };
}

/** A reason without the parts that differ between runs and machines. */
function generalised(reason) {
  return reason.replace(/\/\S*plyfs-suites-\w+\/(\S*)/g, '$1').replace(/^\S+:\d+: (TCONF: )?/, '');
}
