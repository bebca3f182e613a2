import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Source
 * @property {string} path From the repository's root: src/union/nodes/node.ts.
 * @property {string} code The text without comments.
 * @property {number} lines
 * @property {string[]} imports Paths under src, and names of packages.
 * @property {string[]} threads Paths under src that are run as threads: not loaded here, so no part of an
 * import cycle.
 */

/** Reads every TypeScript file under src. @returns {Source[]} */
export function readSources(root) {
  const directory = fileURLToPath(root);
  return readdirSync(join(directory, 'src'), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => {
      const path = posix.join('src', name);
      const text = readFileSync(join(directory, path), 'utf8');
      const code = withoutComments(text);
      return { path, code, lines: text.split('\n').length - 1, ...referencesOf(path, code) };
    });
}

/** import and export … from, import(…). */
const IMPORT = /\b(?:import|export)\b[^'";]*?\bfrom\s*(['"])([^'"]+)\1|\bimport\s*\(?\s*(['"])([^'"]+)\3/g;
/** How a thread's file is named. */
const THREAD = /new URL\(\s*(['"])([^'"]+\.js)\1\s*,\s*import\.meta\.url/g;

function referencesOf(path, code) {
  const resolve = (specifier) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
  const imported = [...code.matchAll(IMPORT)].map((match) => match[2] ?? match[4]);
  return {
    imports: imported
      .filter((specifier) => !specifier.startsWith('node:'))
      .map((specifier) => (specifier.startsWith('.') ? resolve(specifier) : specifier)),
    threads: [...code.matchAll(THREAD)].map((match) => resolve(match[2])),
  };
}

/** Strings are matched first, so that a comment sign inside one is left alone. */
const STRING_OR_COMMENT = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

function withoutComments(text) {
  return text.replace(STRING_OR_COMMENT, (token) => (token.startsWith('/') ? ' ' : token));
}
