/**
 * The result of one test of a suite.
 * @typedef {{ test: string, outcome: 'passed' | 'failed' | 'skipped', cases?: { passed: number, failed:
 * number, skipped: number }, detail?: string, }} Result `cases` counts the cases of a test, if it prints
 * them; `detail` is the failure, or why the test was not run.
 */

/** How many tests, or cases of tests, passed, failed and were skipped. */
export function countCases(results) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome, cases } of results) {
    if (cases === undefined) sum[outcome]++;
    else for (const key of Object.keys(sum)) sum[key] += cases[key];
  }
  return sum;
}

/** The text in printable characters, on one line, and shortened for a table. */
export function oneLine(text, limit = 160) {
  const line = text
    .replace(/\p{Cc}\[[0-9;]*m/gu, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
