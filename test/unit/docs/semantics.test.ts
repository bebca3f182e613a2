/** The tests that docs/semantics.md names exist. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const docs = new URL('../../../docs/', import.meta.url);
const text = readFileSync(new URL('semantics.md', docs), 'utf8');
const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| behaviour'));
/** Reference → file. */
const files = new Map(
  [...text.matchAll(/^\[([\w-]+)\]: (\S+)$/gm)].map(([, name, path]) => [
    name,
    fileURLToPath(new URL(path ?? '', docs)),
  ]),
);

/** The tests that a row names, as [text in the file, reference]. */
function testsOf(row: string): [text: string, reference: string][] {
  const last = row.split(' | ').at(-1) ?? '';
  return [...last.matchAll(/\[([^\]]+)\]\[([\w-]+)\]/g)].map(([, name, reference]) => [name ?? '', reference ?? '']);
}

describe('docs/semantics.md', () => {
  it('has rows of five cells', () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(rows.filter((row) => row.split(' | ').length !== 5)).toEqual([]);
  });

  it.each(rows.map((row) => [row.split(' | ')[0]?.slice(2) ?? row, row] as const))('%s', (_, row) => {
    const tests = testsOf(row);
    expect(tests.length).toBeGreaterThan(0);
    for (const [name, reference] of tests) {
      const path = files.get(reference) ?? `no file for [${reference}]`;
      expect(existsSync(path), path).toBe(true);
      expect(readFileSync(path, 'utf8').includes(name), `${path} has no test ${name}`).toBe(true);
    }
  });
});
