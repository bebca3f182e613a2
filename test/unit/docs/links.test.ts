/** Links and paths in the documents lead to files of the repository, and two documents stay short. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const documents = files.filter((file) => file.endsWith('.md'));
const names = new Set(files.map((file) => basename(file)));

const read = (document: string): string => readFileSync(join(root, document), 'utf8');

/** The headings of a document, as the anchors that Markdown makes of them. */
function anchors(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function brokenLinks(document: string): string[] {
  const text = read(document).replace(/^```[\s\S]*?^```/gm, '');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)].map((match) => match[1] ?? match[2] ?? '');
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? document : join(dirname(document), path);
    return !existsSync(join(root, target)) || (anchor !== undefined && !anchors(target).includes(anchor));
  });
}

/**
 * Files of code in backticks that do not exist: paths from the root of the repository, from src or from the
 * document, and names alone.
 */
function missingFiles(document: string): string[] {
  const quoted = [...read(document).matchAll(/`((?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|mjs|c|sh))(?::[\w.]+)?`/g)];
  return quoted
    .map(([, path = '']) => path)
    .filter((path) => {
      if (!path.includes('/')) return !names.has(path);
      return ![path, `src/${path}`, join(dirname(document), path)].some((at) => existsSync(join(root, at)));
    });
}

describe.each(documents)('%s', (document) => {
  it('links to what exists', () => {
    expect(brokenLinks(document)).toEqual([]);
  });

  it('names files that exist', () => {
    expect(missingFiles(document)).toEqual([]);
  });
});

describe('the table "Where is …?" of ARCHITECTURE.md', () => {
  const rows = read('ARCHITECTURE.md')
    .split('\n')
    .filter((line) => /^\| .*\?\s*\|/.test(line));

  it('has a row for each question', () => {
    expect(rows.length).toBeGreaterThanOrEqual(16);
  });

  it.each(rows.map((row) => [row.split('|')[1]?.trim() ?? '', row] as const))('%s', (_, row) => {
    const pairs = [...row.matchAll(/\]\(([^)]+)\): (`[\w.]+`(?:, `[\w.]+`)*)/g)];
    const missing = pairs.flatMap(([, path = '', names = '']) => {
      const text = read(path);
      const functions = [...names.matchAll(/`(?:\w+\.)?(\w+)`/g)].map(([, name = '']) => name);
      return functions.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)).map((name) => `${path}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('names the functions of most files', () => {
    expect(rows.filter((row) => /\.ts\): `\w/.test(row)).length).toBeGreaterThanOrEqual(24);
  });
});

describe('length', () => {
  it.each([
    ['README.md', 120],
    ['ARCHITECTURE.md', 200],
  ])('%s has at most %i lines', (document, most) => {
    expect(read(document).split('\n').length - 1).toBeLessThanOrEqual(most);
  });
});
