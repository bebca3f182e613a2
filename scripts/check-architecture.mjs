#!/usr/bin/env node
/**
 * The architecture, checked: which folder of src may import which, what only one place may know, how long a file is.
 *
 *   check-architecture.mjs                check everything, ARCHITECTURE.md included when there is one
 *   check-architecture.mjs --check-docs   the same, and ARCHITECTURE.md must be there
 *   check-architecture.mjs --diagram      print the diagram that ARCHITECTURE.md shows
 */
import { existsSync, readFileSync } from 'node:fs';
import { findCycle } from './architecture/cycles.mjs';
import { drawDiagram } from './architecture/diagram.mjs';
import { findForbiddenLiterals } from './architecture/literals.mjs';
import { ALLOWED, folderOf, ruleViolation } from './architecture/rules.mjs';
import { readSources } from './architecture/sources.mjs';

const MAX_LINES = 400;
const DOCUMENT = 'ARCHITECTURE.md';

const root = new URL('..', import.meta.url);
const diagram = drawDiagram(ALLOWED);
if (process.argv.includes('--diagram')) {
  console.log(diagram);
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
  const cycle = findCycle(sources);
  if (cycle) problems.push(`import cycle: ${cycle.join(' -> ')}`);
  for (const folder of new Set(sources.map((source) => folderOf(source.path)))) {
    if (!ALLOWED.has(folder)) problems.push(`src/${folder}: not in the table of scripts/architecture/rules.mjs`);
  }
  return [...problems, ...checkDocument(documentRequired)];
}

function checkDocument(required) {
  const file = new URL(DOCUMENT, root);
  if (!existsSync(file)) return required ? [`${DOCUMENT} is missing`] : [];
  if (readFileSync(file, 'utf8').includes(diagram)) return [];
  return [`${DOCUMENT}: does not show the diagram; paste: node scripts/check-architecture.mjs --diagram`];
}
