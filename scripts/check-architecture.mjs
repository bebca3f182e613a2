#!/usr/bin/env node
/**
 * Checks the architecture: which folder and room of src may import which, which facts only one place may
 * know, how long a file is, and how many files a room has. Biome checks for import cycles (noImportCycles).
 *
 *   check-architecture.mjs               check everything; ARCHITECTURE.md too, if it exists
 *   check-architecture.mjs --check-docs  the same, and ARCHITECTURE.md must exist
 *   check-architecture.mjs --diagram     print the two diagrams of ARCHITECTURE.md: folders, and their rooms
 */
import { existsSync, readFileSync } from 'node:fs';
import { drawDiagram, drawRooms } from './architecture/diagram.mjs';
import { findForbiddenLiterals } from './architecture/literals.mjs';
import { ALLOWED, folderOf, MAX_FILES, ROOMS, roomOf, ruleViolation } from './architecture/rules.mjs';
import { readSources } from './architecture/sources.mjs';

const MAX_LINES = 400;
const DOCUMENT = 'ARCHITECTURE.md';

const root = new URL('..', import.meta.url);
const diagrams = [drawDiagram(ALLOWED), drawRooms(ROOMS)];
if (process.argv.includes('--diagram')) {
  console.log(diagrams.join('\n\n'));
} else {
  const problems = check(readSources(root), process.argv.includes('--check-docs'));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function check(sources, documentRequired) {
  const problems = [];
  for (const source of sources) {
    if (source.lines > MAX_LINES) problems.push(`${source.path}: ${source.lines} lines; at most ${MAX_LINES}`);
    for (const target of [...source.imports, ...source.threads]) {
      const violation = ruleViolation(source.path, target);
      if (violation) problems.push(`${source.path}: imports ${target}: ${violation}`);
    }
    problems.push(...findForbiddenLiterals(source));
  }
  for (const folder of new Set(sources.map((source) => folderOf(source.path)))) {
    if (!ALLOWED.has(folder)) problems.push(`src/${folder}: not in the table of scripts/architecture/rules.mjs`);
  }
  for (const [room, count] of countFiles(sources)) {
    if (count > MAX_FILES) problems.push(`src/${room}: ${count} files; at most ${MAX_FILES}`);
  }
  return [...problems, ...checkDocument(documentRequired)];
}

function countFiles(sources) {
  const counts = new Map();
  for (const { path } of sources) counts.set(roomOf(path), (counts.get(roomOf(path)) ?? 0) + 1);
  return counts;
}

function checkDocument(required) {
  const file = new URL(DOCUMENT, root);
  if (!existsSync(file)) return required ? [`${DOCUMENT} is missing`] : [];
  const text = readFileSync(file, 'utf8');
  if (diagrams.every((diagram) => text.includes(diagram))) return [];
  return [`${DOCUMENT}: does not show the diagrams; paste: node scripts/check-architecture.mjs --diagram`];
}
