#!/usr/bin/env node
/**
 * Checks comments, messages, test titles and Markdown: no phrase of prose/patterns.mjs, and no comment or
 * Markdown line over 110 columns.
 *
 *   check-prose.mjs            check every tracked file
 *   check-prose.mjs PATH...    check these files, and the files below these directories
 *   check-prose.mjs --count    print the number of problems in each directory
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  messagesOfCode,
  passagesOfCode,
  passagesOfMarkdown,
  passagesOfShell,
  withoutCodeBlocks,
} from './prose/passages.mjs';
import { PATTERNS } from './prose/patterns.mjs';

const MAX_COLUMNS = 110;
/** Lines that can be longer: one row of a table is one line, and a URL cannot be broken. */
const LONG_ALLOWED = /^\s*\||https?:\/\/|^\[[^\]]+\]: |^\s*!?\[[^\]]*\]\([^)]*\)$/;

const root = fileURLToPath(new URL('..', import.meta.url));
const paths = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = execFileSync('git', ['ls-files', '--', ...paths], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => kindOf(file) !== undefined);

const problems = files.flatMap((file) => problemsOf(file, readFileSync(`${root}${file}`, 'utf8')));
if (process.argv.includes('--count')) printCounts();
else for (const { file, line, what } of problems) console.error(`${file}:${line}: ${what}`);
process.exitCode = problems.length === 0 ? 0 : 1;

/**
 * The kind of prose in a file, or undefined if it has none. The list of phrases and its test quote the
 * phrases.
 */
function kindOf(file) {
  if (file.startsWith('scripts/prose/') || file === 'test/unit/scripts/prose.test.ts') return undefined;
  if (/\.(?:ts|mjs)$/.test(file)) return 'code';
  if (file.endsWith('.md')) return 'markdown';
  return /\.sh$|^bin\/|^\.ci\/|^scripts\/[a-z]+$/.test(file) ? 'shell' : undefined;
}

function problemsOf(file, text) {
  const kind = kindOf(file);
  const phrases = passagesOf(file, kind, text).flatMap((passage) =>
    PATTERNS.flatMap(({ pattern, advice }) => {
      const match = pattern.exec(passage.text);
      return match === null ? [] : [{ file, line: passage.line, what: `'${match[0].trim()}': ${advice}` }];
    }),
  );
  return [...phrases, ...longLines(file, kind, text)];
}

function passagesOf(file, kind, text) {
  if (kind === 'markdown') return passagesOfMarkdown(text);
  if (kind === 'shell') return passagesOfShell(text);
  const isTest = file.startsWith('test/');
  return isTest ? passagesOfCode(text, true) : [...passagesOfCode(text, false), ...messagesOfCode(text)];
}

function longLines(file, kind, text) {
  const lines = (kind === 'markdown' ? withoutCodeBlocks(text) : text).split('\n');
  return lines.flatMap((line, index) => {
    const isProse = kind === 'markdown' || /^\s*(?:\/\/|\/?\*+|#)/.test(line);
    if (!isProse || line.length <= MAX_COLUMNS || LONG_ALLOWED.test(line)) return [];
    return [{ file, line: index + 1, what: `${line.length} columns; at most ${MAX_COLUMNS}` }];
  });
}

function printCounts() {
  const counts = new Map();
  for (const { file } of problems) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  for (const [directory, count] of [...counts].sort()) console.log(`${String(count).padStart(5)}  ${directory}`);
  console.log(`${String(problems.length).padStart(5)}  in all`);
}
