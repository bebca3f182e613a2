/** docs/conformance.md has every documented errno. The tests and commands that it gives as a reason exist. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CallRecord } from '../../conformance/results/call-record.js';
import { DOCUMENTED } from '../../conformance/results/documented-errnos.js';
import { errnoTable, marksInPage } from '../../conformance/results/errno-table.js';
import { NOT_PROVOKED } from '../../conformance/results/not-provoked.js';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const { scripts } = JSON.parse(readFileSync(at('package.json'), 'utf8')) as { scripts: Record<string, string> };

describe('reasons why a documented errno is not provoked', () => {
  it.each(NOT_PROVOKED.map(({ why, pairs }) => [why, pairs] as const))('%s', (why, pairs) => {
    const files = [...why.matchAll(/`(test\/[^`]+)`/g)].map(([, path]) => path ?? '');
    expect(files.filter((path) => !existsSync(at(path)))).toEqual([]);
    const runs = [...why.matchAll(/`npm run ([^`]+)`/g)].map(([, name]) => name ?? '');
    expect(runs.filter((name) => scripts[name] === undefined)).toEqual([]);
    // A reason is for calls and errnos that are documented.
    for (const pair of pairs) {
      const cut = pair.lastIndexOf(' ');
      const [operation, errno] = [pair.slice(0, cut), pair.slice(cut + 1)];
      const documented = operation === '*' ? Object.values(DOCUMENTED).join(' ') : DOCUMENTED[operation];
      expect(documented, pair).toBeDefined();
      if (errno !== '*') expect(documented?.split(' ')).toContain(errno);
    }
  });
});

describe('docs/conformance.md', () => {
  const page = readFileSync(at('docs/conformance.md'), 'utf8');

  it('has a row for each documented errno of each call', () => {
    const documented = Object.entries(DOCUMENTED).flatMap(([operation, errnos]) =>
      [...new Set(errnos.split(' '))].sort().map((errno) => `${operation} ${errno}`),
    );
    expect(marksInPage(page).map((row) => row.replace(/ \[.*/, ''))).toEqual(documented);
  });

  it('begins as npm run conformance -- -u writes it', () => {
    const introduction = (text: string): string => text.slice(0, text.indexOf('documented pairs'));
    expect(introduction(page)).toBe(introduction(errnoTable(new CallRecord(), [])));
  });
});
