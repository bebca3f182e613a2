import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'rolldown/utils';

/**
 * @typedef {object} Source
 * @property {string} path From the repository's root: src/union/nodes/node.ts.
 * @property {string} code The text without comments.
 * @property {number} lines
 * @property {string[]} imports Paths under src, and names of packages.
 * @property {string[]} threads Paths under src that are run as threads, and so are not imported.
 */

/** Reads every TypeScript file under src. @returns {Source[]} */
export function readSources(root) {
  const directory = fileURLToPath(root);
  return readdirSync(join(directory, 'src'), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => readSource(posix.join('src', name), readFileSync(join(directory, 'src', name), 'utf8')));
}

/** How the file of a thread is named. */
const THREAD = /new URL\(\s*(['"])([^'"]+\.js)\1\s*,\s*import\.meta\.url/g;

/** @returns {Source} */
function readSource(path, text) {
  const { program, module, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  const resolve = (specifier) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
  const code = without(comments, text);
  return {
    path,
    code,
    lines: text.split('\n').length - 1,
    imports: [...specifiersOf(module, text), ...importedTypes(program)]
      .filter((specifier) => !specifier.startsWith('node:'))
      .map((specifier) => (specifier.startsWith('.') ? resolve(specifier) : specifier)),
    threads: [...code.matchAll(THREAD)].map((match) => resolve(match[2])),
  };
}

/** The modules that a module imports, or exports something from. */
function specifiersOf({ staticImports, staticExports, dynamicImports }, text) {
  const reexports = staticExports.flatMap(({ entries }) => entries).filter((entry) => entry.moduleRequest !== null);
  return [
    ...[...staticImports, ...reexports].map(({ moduleRequest }) => moduleRequest.value),
    ...dynamicImports.map(({ moduleRequest: { start, end } }) => text.slice(start + 1, end - 1)),
  ];
}

/** The modules of `typeof import(…)`, which are in no list of imports. */
function importedTypes(program) {
  const specifiers = [];
  new Visitor({ TSImportType: ({ source }) => specifiers.push(source.value) }).visit(program);
  return specifiers;
}

/** The text, with one space in the place of each comment. */
function without(comments, text) {
  let code = '';
  let at = 0;
  for (const { start, end } of comments) {
    code += `${text.slice(at, start)} `;
    at = end;
  }
  return code + text.slice(at);
}
