#!/usr/bin/env node
/**
 * Makes dist/program from src: the program, and the library for require(), in a few files of CommonJS. Node
 * loads them in a fraction of the time that it needs for the modules in dist. Those are for the library's
 * import and for the tests.
 */
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/**
 * Files that start a bundle of their own. Threads are started as `./NAME.js`, so each must be a neighbour of
 * the file that starts it.
 */
const ENTRIES = [
  'cli/main',
  'index',
  'server/thread/serving-thread',
  'server/process/serving-process',
  'copyup/pool/copy-thread',
  'union/prefetch/tree-thread',
  'store/convert/convert-thread',
  'service/pool/pool-thread',
  'service/pool/check-thread',
  'fuse/libfuse2/watchdog-thread',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}dist/program`;
/** The bundle is renamed to its final name when it is complete. */
const staging = `${target}.new`;

/**
 * Escapes characters that are not ASCII: if a text has one character above U+00FF, V8 keeps it with two bytes
 * for each character.
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
await copyDeclarations('index.d.ts');
await rm(target, { recursive: true, force: true });
await rename(staging, target);

/**
 * Each file is bundled by itself, so that a thread loads nothing that only another one needs. Names and lines
 * stay readable in a stack trace.
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
    // Modules of the lowest folders that several commands use are two files, because each file takes time to
    // open. The first is loaded before the serving thread is started, and so without the native library.
    codeSplitting: {
      groups: [
        { name: 'base', test: /\/src\/core\//, minShareCount: 2, priority: 2 },
        { name: 'system', test: /\/src\/sys\//, minShareCount: 2, priority: 1 },
      ],
    },
    // V8 keeps the text of each file for as long as the process lives.
    comments: false,
  });
  await made.close();
}

/**
 * Copies a file of declarations and all that it imports. TypeScript takes a declaration for CommonJS or for a
 * module by the package.json above it, so require() needs copies of its own.
 */
async function copyDeclarations(file, done = new Set()) {
  if (done.has(file)) return;
  done.add(file);
  await mkdir(dirname(`${staging}/${file}`), { recursive: true });
  await copyFile(`${root}dist/${file}`, `${staging}/${file}`);
  const text = await readFile(`${root}dist/${file}`, 'utf8');
  for (const [, specifier] of text.matchAll(/\bfrom '(\.[^']+)\.js'/g)) {
    await copyDeclarations(posix.join(posix.dirname(file), `${specifier}.d.ts`), done);
  }
}
