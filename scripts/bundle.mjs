#!/usr/bin/env node
/**
 * Makes dist/program from src: the program in a few files of CommonJS, which Node loads in a fraction of the
 * time that the modules in dist take. Those are for the library and the tests.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** What is started by the name of its file, by others that take it for a neighbour: `./NAME.js`. */
const ENTRIES = [
  'cli/main',
  'server/thread/serving-thread',
  'server/process/serving-process',
  'copyup/copy-thread',
  'union/prefetch/tree-thread',
  'store/convert/convert-thread',
  'fuse/libfuse2/watchdog-thread',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}dist/program`;
/** Not in place until all of it is there. */
const staging = `${target}.new`;

/**
 * Escapes what is not ASCII: V8 keeps a text with one character above U+00FF in two bytes for each character.
 */
const asciiOnly = {
  name: 'ascii-only',
  generateBundle(_options, files) {
    for (const file of Object.values(files)) {
      if (file.type === 'chunk') file.code = file.code.replace(/[^\0-\x7f]/g, escaped);
    }
  },
};

function escaped(codeUnit) {
  return `\\u${codeUnit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

await rm(staging, { recursive: true, force: true });
for (const entry of ENTRIES) await bundle(entry);
await writeFile(`${staging}/package.json`, '{ "type": "commonjs" }\n');
await rm(target, { recursive: true, force: true });
await rename(staging, target);

/**
 * Each by itself, so that a thread loads nothing that only another one needs. Names and lines stay readable
 * in a stack.
 */
async function bundle(entry) {
  const made = await rolldown({
    cwd: root,
    input: { [basename(entry)]: `src/${entry}.ts` },
    platform: 'node',
    // Native.
    external: ['koffi', 'fuse-native'],
    plugins: [asciiOnly],
  });
  await made.write({
    dir: staging,
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // V8 keeps the text of each file for as long as the process lives.
    comments: false,
  });
  await made.close();
}
