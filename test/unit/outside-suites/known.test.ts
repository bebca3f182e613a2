import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { judge, KINDS } from '../../../scripts/outside-suites/judge.mjs';
import { known } from '../../../scripts/outside-suites/known/known.mjs';
import { pageOf } from '../../../scripts/outside-suites/page.mjs';
import { suites } from '../../../scripts/outside-suites/suites.mjs';

type Known = { suite: string; setups?: string[]; test: string; kind: string; reason: string };
const entries: readonly Known[] = known;
const setupsOf = (word: string) =>
  Object.keys(Object.entries(suites).find(([name]) => name === word)?.[1].setups ?? {});

describe('the list of failures that are expected', () => {
  it.each(entries.map((entry) => [`${entry.suite} ${entry.test}`, entry] as const))(
    '%s has a kind and a reason',
    (_, entry) => {
      expect(setupsOf(entry.suite)).toEqual(expect.arrayContaining(entry.setups ?? []));
      expect(Object.keys(KINDS).filter((kind) => kind !== 'new')).toContain(entry.kind);
      // One sentence, which a table shows after the name of the test.
      expect(entry.reason).toMatch(/^\S.{15,}[^.\s]$/);
    },
  );

  it('has no test twice', () => {
    const keys = entries.flatMap(({ suite, test, setups }) =>
      (setups ?? setupsOf(suite)).map((name) => `${suite}, ${name}: ${test}`),
    );
    expect(keys).toEqual([...new Set(keys)]);
  });

  it('excuses nothing of pjdfstest and unionmount-testsuite', () => {
    expect(entries.filter(({ suite }) => suite === 'pjdfstest' || suite === 'unionmount')).toEqual([]);
  });
});

describe('a failure is judged', () => {
  const list = [{ suite: 'ltp', setups: ['fs'], test: 'gf01', kind: 'fuse', reason: 'the kernel does not pass it on' }];
  const results = [
    { test: 'gf01', outcome: 'failed', detail: 'a' },
    { test: 'gf02', outcome: 'failed', detail: 'b' },
    { test: 'gf03', outcome: 'failed', detail: 'c' },
    { test: 'gf04', outcome: 'passed' },
  ];
  const kernel = [
    { test: 'gf02', outcome: 'failed' },
    { test: 'gf03', outcome: 'passed' },
  ];

  it('by the list, then by the other targets, and otherwise as a fault of plyfs', () => {
    const { failures, unexpected } = judge(results, { kernel }, list, { word: 'ltp', setupName: 'fs' });
    expect(failures.map(({ test, kind }) => [test, kind])).toEqual([
      ['gf01', 'fuse'],
      ['gf02', 'elsewhere'],
      ['gf03', 'new'],
    ]);
    expect(unexpected).toBe(1);
  });

  it('by the list in the set-ups that an entry names only', () => {
    expect(judge(results, {}, list, { word: 'ltp', setupName: 'syscalls' }).unexpected).toBe(3);
  });
});

describe('docs/suites.md', () => {
  const file = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

  it('shows the results of docs/suites.json', () => {
    expect(file('suites.md')).toBe(pageOf(JSON.parse(file('suites.json'))));
  });
});
