#!/usr/bin/env node
// Prints the totals of JSON reports of vitest in one line, after the slowest files, the names of the skipped
// tests by file, and each failed test with the first lines of its message.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** A report without results (vitest did not come that far) counts as one failure, never as "0 failed". */
function readReport(file) {
  const text = readFileSync(file, 'utf8');
  return text === '' ? { testResults: [], unreadable: true } : JSON.parse(text);
}

const SLOWEST = 10;
/** As many lines of each failed test's message. */
const FAILURE_LINES = 6;

const reports = process.argv.slice(2).map(readReport);
const files = reports.flatMap(({ testResults }) => testResults);
printSlowest(files);
const failures = [];
const count = { passed: 0, failed: reports.filter(({ unreadable }) => unreadable).length, skipped: 0 };
for (const file of files) {
  // Without a failed test, a file fails if it cannot be loaded, or if its set-up or clean-up fails.
  if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
    count.failed++;
    failures.push(failure(file, 'the whole file', file.message || 'its set-up or clean-up; vitest prints the reason'));
  }
  const skipped = [];
  for (const { status, fullName, failureMessages } of file.assertionResults) {
    if (status === 'failed') failures.push(failure(file, fullName, failureMessages.join('\n')));
    if (status === 'passed' || status === 'failed') count[status]++;
    else skipped.push(fullName);
  }
  count.skipped += skipped.length;
  if (skipped.length > 0) console.log(`skipped in ${relative(process.cwd(), file.name)}: ${summary(skipped)}`);
}
for (const text of failures) console.log(text);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed === 0 ? 0 : 1;

function printSlowest(files) {
  const seconds = ({ startTime, endTime }) => (endTime - startTime) / 1000;
  const slowest = files
    .filter(seconds)
    .sort((a, b) => seconds(b) - seconds(a))
    .slice(0, SLOWEST);
  for (const file of slowest) {
    console.log(`${seconds(file).toFixed(1).padStart(6)} s  ${relative(process.cwd(), file.name)}`);
  }
}

function failure(file, title, message) {
  const lines = (message ?? '').split('\n').slice(0, FAILURE_LINES);
  return `failed in ${relative(process.cwd(), file.name)}: ${title}\n${lines.map((line) => `    ${line}`).join('\n')}`;
}

function summary(names) {
  const shown = names.slice(0, 5).join('; ');
  return names.length > 5 ? `${shown}; and ${names.length - 5} more` : shown;
}
