/** Makes docs/suites.md from docs/suites.json. */
import { KINDS } from './judge.mjs';
import { suites } from './suites.mjs';

const INTRODUCTION = `# Test suites of other projects

\`scripts/suites\` runs four public test suites on plyfs and writes this page. The suites are not part of plyfs:
\`scripts/suites --help\` shows where they are published. The command takes a checkout of each. An expected
failure has its reason below; any other makes the command fail. To repeat all of it, as root:

    scripts/suites --build --pjdfstest DIR --unionmount DIR --xfstests DIR --ltp DIR --write

With \`--service\` instead of \`--write\`, one \`plyfs serve\` serves the mounts ([the service](serve.md)).

*Expected* failures are of three kinds: no file system over FUSE can pass the test; the kernel's overlayfs or
a plain directory fails too; plyfs differs on purpose. *Unexpected* failures are faults of plyfs, known or
new.
`;

/** @param outcomes {Record<string, object>} the summaries of docs/suites.json, by "suite, set-up" */
export function pageOf(outcomes) {
  const known = Object.entries(suites).flatMap(([word, suite]) =>
    Object.keys(suite.setups)
      .map((setupName) => ({ suite, setupName, summary: outcomes[`${word}, ${setupName}`] }))
      .filter(({ summary }) => summary !== undefined),
  );
  const sections = Object.values(suites)
    .map((suite) =>
      sectionOf(
        suite,
        known.filter((entry) => entry.suite === suite),
      ),
    )
    .filter(Boolean);
  return [INTRODUCTION, tableOf(known), ...sections].join('\n');
}

function tableOf(entries) {
  const rows = entries.map(({ suite, setupName, summary }) => {
    const { counts, expected, unexpected, seconds, date, commit, linux, tests, total, failuresAt } = summary;
    const part = tests < total ? ` (the first ${tests} of ${total} tests)` : '';
    const cells = [
      suite.name,
      `${setupName}${part}`,
      counts.passed,
      expected,
      unexpected,
      counts.skipped,
      timeOf(seconds),
    ];
    return `| ${[...cells, `${date}, ${commit}${failuresAt ? ` (its failures again at ${failuresAt})` : ''}, Linux ${linux}`].join(' | ')} |`;
  });
  return [
    '## Outcome',
    '',
    '| suite | set-up | passed | failed, expected | failed, unexpected | not run | time | made at |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    'The numbers are tests; for pjdfstest, the cases of its tests.',
    '',
  ].join('\n');
}

const timeOf = (seconds) => (seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);

function sectionOf(suite, entries) {
  if (entries.length === 0) return undefined;
  const parts = [`## ${suite.name}`, '', `${suite.url}`, ''];
  for (const { setupName, summary } of entries) {
    parts.push(`**${setupName}**: ${suite.setups[setupName].about}.`, '');
    for (const [kind, title] of Object.entries(KINDS)) parts.push(...failuresOf(summary.failures, kind, title));
    if (summary.notRun.length > 0) parts.push(...notRunOf(summary.notRun));
  }
  return parts.join('\n');
}

/** A row for each reason, with the tests that have it. */
function failuresOf(failures, kind, title) {
  const byReason = new Map();
  for (const failure of failures.filter((each) => each.kind === kind)) {
    const reason = failure.reason || cell(failure.detail ?? '');
    byReason.set(reason, [...(byReason.get(reason) ?? []), failure.test]);
  }
  if (byReason.size === 0) return [];
  const rows = [...byReason].map(([reason, tests]) => `| ${tests.join(', ')} | ${reason} |`);
  return [`| failed: ${title} | reason |`, '|---|---|', ...rows, ''];
}

function notRunOf(reasons) {
  const sum = reasons.reduce((total, { count }) => total + count, 0);
  const rows = reasons.map(({ reason, count }) => `| ${count} | ${cell(reason)} |`);
  const summary = `${sum} tests were not run, for the reasons that the suite gives`;
  return [
    '<details>',
    `<summary>${summary}</summary>`,
    '',
    '| tests | reason |',
    '|---|---|',
    ...rows,
    '',
    '</details>',
    '',
  ];
}

/** Text as it is, within a table. */
const cell = (text) => text.replace(/[|\\<>*_`]/g, '\\$&');
